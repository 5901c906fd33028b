package unpack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	evil, text := unpacktest.Eicar(), unpacktest.Pages(500)
	deep := box(text)
	for range 20 {
		deep = box(deep)
	}
	join := unpacktest.Join
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"no container", text, unpacktest.Clean},
		{"nothing", nil, unpacktest.Clean},
		{"the file itself", evil, unpacktest.Infected},
		{"a member", box(text, evil), unpacktest.Infected},
		{"a member of a member", box(text, box(box(evil))), unpacktest.Infected},
		{"too deep", deep, string(job.LimitRecursion)},
		{"a signature behind what is too deep", box(deep, evil), unpacktest.Infected},
		{"encrypted", boxWith(locked, text, text), string(job.Encrypted)},
		{"a signature behind what is encrypted", boxWith(locked, text, evil), unpacktest.Infected},
		{"damaged", boxWith(broken, text, text), string(job.Damaged)},
		{"a signature behind what is damaged", boxWith(broken, text, evil), unpacktest.Infected},
		{"what came before the damage", boxWith(broken, join(evil, text, text), text), unpacktest.Infected},
		{"a decoder that panics", boxWith(torn, text, text), string(job.Damaged)},
		{"a signature behind a panic", boxWith(torn, text, evil), unpacktest.Infected},
		{
			"the first refusal counts",
			join([]byte("BOX1\x02"), member(text, locked), member(text, broken)),
			string(job.Encrypted),
		},
		{"cut", box(text, evil)[:300], string(job.Damaged)},
		{"a signature in front of a cut", box(evil, text)[:300], unpacktest.Infected},
		{"a container behind a container", join(box(text), box(evil)), unpacktest.Infected},
		{"a container in text behind a container", join(box(text), text, box(evil), text), unpacktest.Infected},
		{"a container in text", join(text, box(evil), text), unpacktest.Infected},
		{"a container far into text", join(unpacktest.Pages(600<<10), box(evil), text), unpacktest.Infected},
		{"a cut container in text is text", join(text, box(text)[:200]), unpacktest.Clean},
		{
			"a container in the damaged member of a container in text",
			join(text, boxWith(broken, inverted(box(evil)), text), text),
			unpacktest.Infected,
		},
		{"an encrypted container in text", join(text, boxWith(locked, text, text)), string(job.Encrypted)},
		{"a signature behind a cut container in text", join(text, box(text)[:200], box(evil)), unpacktest.Infected},
		{"a costly file", join([]byte("COST"), text), string(job.LimitFiles)},
		{"a signature in a costly file's member", join([]byte("COST"), text[:400], evil, text[:100]), unpacktest.Infected},
		{"a signature behind a costly file's members", join([]byte("COST"), text, text, evil), unpacktest.Infected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, parallel := range []int{1, 2, 8} {
				c := unpack.Checker{Formats: toys(), Parallel: parallel}
				got := unpacktest.Check(t, c, tt.content, unpacktest.Marker)
				if v := unpacktest.Verdict(got); v != tt.want {
					t.Errorf("got %q (%s) with %d scans at a time, want %q", v, got.Detail, parallel, tt.want)
				}
				if got.Outcome == unpack.Refused && got.Detail == "" {
					t.Error("got a refusal without Detail")
				}
			}
		})
	}
}

// TestDetailNamesTheMember checks that a refusal has the path of the member.
func TestDetailNamesTheMember(t *testing.T) {
	t.Parallel()
	got := unpacktest.Check(t, unpack.Checker{Formats: toys()}, box(boxWith(locked, nil, nil)), unpacktest.Marker)
	if want := "member: a member of a box"; got.Detail != want {
		t.Errorf("got the detail %q, want %q", got.Detail, want)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	text, evil := unpacktest.Pages(500), unpacktest.Eicar()
	many := make([][]byte, 50)
	for i := range many {
		many[i] = unpacktest.Pages(50 + i)
	}
	tests := []struct {
		name    string
		change  func(*unpack.Limits)
		content []byte
		want    string
	}{
		{"depth", func(l *unpack.Limits) { l.Depth = 2 }, box(box(box(text))), string(job.LimitRecursion)},
		{"members", func(l *unpack.Limits) { l.Members = 20 }, box(many...), string(job.LimitFiles)},
		{
			"a signature before the last member",
			func(l *unpack.Limits) { l.Members = 20 },
			box(append([][]byte{evil}, many...)...),
			unpacktest.Infected,
		},
		{"bytes", func(l *unpack.Limits) { l.Unpacked = 1 << 20 }, huge(1<<40, nil), string(job.LimitSize)},
		{"bytes on disk", func(l *unpack.Limits) { l.Unpacked = 16 << 20 }, huge(1<<40, nil), string(job.LimitSize)},
		{
			"a signature behind a bomb",
			func(l *unpack.Limits) { l.Unpacked = 1 << 20 },
			huge(1<<40, box(evil)),
			unpacktest.Infected,
		},
		{
			"bombs in one another",
			func(l *unpack.Limits) { l.Unpacked = 1 << 20 },
			huge(1<<40, huge(1<<40, huge(1<<40, nil))),
			string(job.LimitSize),
		},
		{"time", func(l *unpack.Limits) { l.Time = time.Nanosecond }, box(text), string(job.LimitTime)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := unpack.Checker{Formats: toys(), Limits: unpack.DefaultLimits(), Dir: t.TempDir(), Parallel: 2}
			tt.change(&c.Limits)
			var spent unpack.Spent
			c.Spent = func(s unpack.Spent) { spent = s }
			got := unpacktest.Check(t, c, tt.content, unpacktest.Marker)
			if v := unpacktest.Verdict(got); v != tt.want {
				t.Errorf("got %q (%s), want %q", v, got.Detail, tt.want)
			}
			if spent.Held != 0 || spent.Disk != 0 {
				t.Errorf("got %d bytes of memory and %d of disk that were not given back, want none", spent.Held, spent.Disk)
			}
			if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
				t.Errorf("got files %v left in the folder, %v, want none", left, err)
			}
		})
	}
}

// TestDeadline checks that Check ends before the deadline of its context, so that its
// caller has time for the finding.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		slow := func(ctx context.Context, _ *os.File, _ unpack.Sum) (unpack.Finding, error) {
			<-ctx.Done()
			return unpack.Finding{}, ctx.Err()
		}
		content := box(unpacktest.Pages(500))
		f := file(t, content)
		got, err := unpack.Checker{Formats: toys()}.Check(ctx, f, int64(len(content)), sha256.Sum256(content), slow)
		if err != nil || got.Reason != job.LimitTime || ctx.Err() != nil {
			t.Errorf("Check() = %+v, %v, want %s before the deadline", got, err, job.LimitTime)
		}
	})
}

func file(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := scratch.File(t.TempDir(), content)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestEachPieceIsScannedOnce checks that the same bytes are scanned once, and that no
// empty piece is scanned.
func TestEachPieceIsScannedOnce(t *testing.T) {
	t.Parallel()
	text := unpacktest.Pages(500)
	var spent unpack.Spent
	c := unpack.Checker{Formats: toys(), Spent: func(s unpack.Spent) { spent = s }}
	unpacktest.Check(t, c, box(text, nil, text, box(text)), unpacktest.Marker)
	if want := 3; spent.Asked != want { // the file, the text, the box
		t.Errorf("got %d scans, want %d", spent.Asked, want)
	}
}

// TestParallelScans checks that the engine scans as many pieces at a time as Parallel
// says, the file itself among them, and that Check waits for all of them.
func TestParallelScans(t *testing.T) {
	t.Parallel()
	const parallel = 3
	contents := make([][]byte, 20)
	for i := range contents {
		contents[i] = unpacktest.Pages(100 + i)
	}
	var running, most atomic.Int32
	all := make(chan struct{}) // closed once as many as may are running
	engine := func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
		now := running.Add(1)
		defer running.Add(-1)
		most.Store(max(most.Load(), now))
		if now == parallel && most.CompareAndSwap(parallel, parallel+100) {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			return unpack.Finding{}, errors.New("no other scan is running")
		}
		return unpacktest.Marker(ctx, f, sum)
	}
	got := unpacktest.Check(t, unpack.Checker{Formats: toys(), Parallel: parallel}, box(contents...), engine)
	if got.Outcome != unpack.Clean || running.Load() != 0 {
		t.Errorf("got %+v with %d scans running, want clean and none", got, running.Load())
	}
}

// TestASignatureWaitsForOtherScans checks that Check waits for other scans after a
// signature: a clamd that is left in the middle of one has to be replaced.
func TestASignatureWaitsForOtherScans(t *testing.T) {
	t.Parallel()
	content := box(unpacktest.Pages(500), unpacktest.Eicar())
	root := sha256.Sum256(content)
	var answered atomic.Bool
	found := make(chan struct{})
	engine := func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
		if sum == root {
			<-found
			time.Sleep(20 * time.Millisecond)
			answered.Store(true)
			return unpack.Finding{Outcome: unpack.Clean}, ctx.Err()
		}
		got, err := unpacktest.Marker(ctx, f, sum)
		if got.Outcome == unpack.Found {
			close(found)
		}
		return got, err
	}
	got := unpacktest.Check(t, unpack.Checker{Formats: toys(), Parallel: 2}, content, engine)
	if got.Outcome != unpack.Found || !answered.Load() {
		t.Errorf("got %+v, the file itself scanned to its end: %v; want a signature, and true", got, answered.Load())
	}
}

// TestACostlyMemberStopsTheScansOfItsContainers checks that the scans of the containers
// around a costly member are stopped, after all other scans have ended, and that the
// members of the costly one are scanned.
func TestACostlyMemberStopsTheScansOfItsContainers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		member []byte
		want   string
	}{
		{"harmless", unpacktest.Pages(500), string(job.LimitFiles)},
		{"infected", append(unpacktest.Pages(432), unpacktest.Eicar()...), unpacktest.Infected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			costly := append([]byte("COST"), tt.member...)
			first := unpacktest.Pages(300)
			content := box(first, box(costly))
			outer := map[unpack.Sum]bool{sha256.Sum256(content): true, sha256.Sum256(box(costly)): true}
			var answered, stopped atomic.Int32
			engine := func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
				switch {
				case outer[sum]:
					select {
					case <-ctx.Done():
						stopped.Add(1)
						return unpack.Finding{}, ctx.Err()
					case <-time.After(30 * time.Second):
						return unpack.Finding{}, errors.New("a scan that takes minutes was not stopped")
					}
				case sum == sha256.Sum256(costly):
					return unpack.Finding{}, errors.New("asked to scan a costly file")
				case sum == sha256.Sum256(first):
					time.Sleep(50 * time.Millisecond)
					if stopped.Load() > 0 {
						return unpack.Finding{}, errors.New("a scan was stopped before this one ended")
					}
				}
				answered.Add(1)
				return unpacktest.Marker(ctx, f, sum)
			}
			c := unpack.Checker{Formats: toys(), Parallel: 4}
			got := unpacktest.Check(t, c, content, engine)
			if v := unpacktest.Verdict(got); v != tt.want || stopped.Load() != 2 || answered.Load() != 2 {
				t.Errorf("got %q (%s), %d scans stopped, %d answered; want %q, 2 and 2",
					v, got.Detail, stopped.Load(), answered.Load(), tt.want)
			}
		})
	}
}

// TestRefusalsHaveTheOrderOfTheWalk checks that the first refused piece gives the reason,
// whichever answer comes first.
func TestRefusalsHaveTheOrderOfTheWalk(t *testing.T) {
	t.Parallel()
	first, second := unpacktest.Pages(500), unpacktest.Pages(600)
	sums := map[unpack.Sum]job.Reason{sha256.Sum256(first): job.LimitTime, sha256.Sum256(second): job.Encrypted}
	later := make(chan struct{})
	engine := func(_ context.Context, _ *os.File, sum unpack.Sum) (unpack.Finding, error) {
		switch sums[sum] {
		case job.LimitTime:
			<-later
		case job.Encrypted:
			defer close(later)
		default:
			return unpack.Finding{Outcome: unpack.Clean}, nil
		}
		return unpack.Finding{Outcome: unpack.Refused, Reason: sums[sum], Detail: "Heuristics"}, nil
	}
	got := unpacktest.Check(t, unpack.Checker{Formats: toys(), Parallel: 4}, box(first, second), engine)
	if got.Reason != job.LimitTime {
		t.Errorf("got %+v, want the first piece's reason %s", got, job.LimitTime)
	}
}

// TestNoFinding checks that failures which are not the file's give no finding.
func TestNoFinding(t *testing.T) {
	t.Parallel()
	failure := errors.New("engine failed")
	content := box(unpacktest.Pages(500), box(unpacktest.Pages(6<<20)))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	closed := file(t, content)
	closed.Close()
	fails := func(context.Context, *os.File, unpack.Sum) (unpack.Finding, error) { return unpack.Finding{}, failure }
	silent := func(context.Context, *os.File, unpack.Sum) (unpack.Finding, error) { return unpack.Finding{}, nil }
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		f      *os.File
		dir    string
		engine unpack.Engine
		want   string
	}{
		{"engine fails", t.Context(), file(t, content), "", fails, failure.Error()},
		{"engine says nothing", t.Context(), file(t, content), "", silent, "unknown outcome"},
		{"file cannot be read", t.Context(), closed, "", unpacktest.FindsNothing, os.ErrClosed.Error()},
		{"context ended", ended, file(t, content), "", unpacktest.FindsNothing, context.Canceled.Error()},
		{"no room for members", t.Context(), file(t, content), "/nonexistent", unpacktest.FindsNothing, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := unpack.Checker{Formats: toys(), Dir: tt.dir}
			got, err := c.Check(tt.ctx, tt.f, int64(len(content)), sha256.Sum256(content), tt.engine)
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != (unpack.Finding{}) {
				t.Errorf("Check() = %+v, %v, want no finding and %q", got, err, tt.want)
			}
		})
	}
}

// TestEngineRefuses checks that a file is refused if the engine refuses a piece, unless
// another piece has a signature.
func TestEngineRefuses(t *testing.T) {
	t.Parallel()
	refusing := func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
		got, err := unpacktest.Marker(ctx, f, sum)
		if err == nil && got.Outcome == unpack.Clean {
			got = unpack.Finding{Outcome: unpack.Refused, Reason: job.LimitFiles, Detail: "Heuristics"}
		}
		return got, err
	}
	for content, want := range map[string]string{
		string(unpacktest.Pages(500)):      string(job.LimitFiles),
		string(box(unpacktest.Pages(500))): string(job.LimitFiles),
		string(box(unpacktest.Eicar())):    unpacktest.Infected,
	} {
		got := unpacktest.Check(t, unpack.Checker{Formats: toys()}, []byte(content), refusing)
		if v := unpacktest.Verdict(got); v != want {
			t.Errorf("got %q, want %q", v, want)
		}
	}
}

func FuzzToys(f *testing.F) {
	text := unpacktest.Pages(300)
	unpacktest.Fuzz(f, toys(), nil, box(text, box(text)), boxWith(locked, text, text), boxWith(broken, text, text),
		huge(1<<40, box(text)), unpacktest.Join(text, box(text), box(text)[:200]))
}

func TestMarksInAnyCase(t *testing.T) {
	t.Parallel()
	var at []int64
	letters := unpack.NewFormats(unpack.Format{Name: "letters", Marks: []unpack.Mark{{
		Text: "Ab-1c", Fold: true, Start: true,
		Open: func(_ *unpack.Visitor, offset int64) (int64, error) {
			at = append(at, offset)
			return 0, nil
		},
	}}})
	text := "AB-1C aB-1c ab-1C Ab\r1c @b-1c ab-1c"
	unpacktest.Check(t, unpack.Checker{Formats: letters}, []byte(text), unpacktest.FindsNothing)
	if want := []int64{0, 6, 12, 30}; !slices.Equal(at, want) {
		t.Errorf("got marks at %v, want %v", at, want)
	}
}

// TestShow checks that Show scans a member and does not look into it.
func TestShow(t *testing.T) {
	t.Parallel()
	shown := unpack.Format{
		Name: "shown", Magics: []unpack.Magic{{Text: "SHOW"}}, Whole: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error { return v.Show("member", c.Section(4, c.Size())) },
	}
	formats := unpack.NewFormats(shown, boxFormat())
	c := unpack.Checker{Formats: formats}
	locked := unpacktest.Join([]byte("SHOW"), boxWith(locked, unpacktest.Pages(90), unpacktest.Pages(91)))
	if got := unpacktest.Verdict(unpacktest.Check(t, c, locked, unpacktest.FindsNothing)); got != unpacktest.Clean {
		t.Errorf("got %s for a member that is only scanned, want clean", got)
	}
	got := unpacktest.Check(t, c, locked, unpacktest.Exact(locked[4:]))
	if got.Outcome != unpack.Found {
		t.Errorf("got %+v, want the member scanned byte for byte", got)
	}
}

// TestManyPieces checks text with more small files than there may be members.
func TestManyPieces(t *testing.T) {
	t.Parallel()
	lines := unpack.NewFormats(boxFormat(), unpack.Format{Name: "lines", Marks: []unpack.Mark{{
		Text: "<<", Start: true,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			text := v.Content().Peek(at+2, 4<<10)
			if i := bytes.Index(text, []byte(">>")); i >= 0 {
				text = text[:i]
			}
			return at + 2, v.Piece("line", bytes.NewReader(text))
		},
	}}})
	const many = 8_000
	limits := unpack.DefaultLimits()
	limits.Members = 6_000
	large := unpacktest.Pages(2000)
	for name, piece := range map[string][]byte{
		"small": unpacktest.Eicar(), "large": append(large, unpacktest.Eicar()...), "container": box(unpacktest.Eicar()),
	} {
		for want, last := range map[string][]byte{unpacktest.Infected: piece, unpacktest.Clean: nil} {
			var text bytes.Buffer
			for i := range many {
				fmt.Fprintf(&text, "<<%d>>\n", i)
			}
			text.WriteString("<<")
			text.Write(last)
			text.WriteString(">>")
			engine := func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
				if info, err := f.Stat(); err != nil || info.Size() == int64(text.Len()) {
					return unpack.Finding{Outcome: unpack.Clean}, err
				}
				return unpacktest.Marker(ctx, f, sum)
			}
			got := unpacktest.Verdict(unpacktest.Check(t, unpack.Checker{Formats: lines, Limits: limits}, text.Bytes(), engine))
			if got != want {
				t.Errorf("%s, last %d bytes: got %s, want %s", name, len(last), got, want)
			}
		}
	}
}
