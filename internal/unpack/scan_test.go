package unpack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestASignatureAfterTheTimeLimit checks that a signature is the verdict, even if the
// answer of another scan that ran out of time comes first.
func TestASignatureAfterTheTimeLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := box(unpacktest.Eicar())
		root := sha256.Sum256(content)
		limits := unpack.DefaultLimits()
		engine := func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
			<-ctx.Done()
			if sum == root {
				return unpack.Finding{}, ctx.Err()
			}
			time.Sleep(time.Second)
			return unpacktest.Marker(ctx, f, sum)
		}
		got := unpacktest.Check(t, unpack.Checker{Formats: toys(), Limits: limits, Parallel: 2}, content, engine)
		if got.Outcome != unpack.Found {
			t.Errorf("got %+v, want %s", got, unpacktest.Infected)
		}
	})
}

// TestASignatureEndsLongScans checks that Check does not wait for a scan of minutes once
// another has found a signature, wherever the walk is then.
func TestASignatureEndsLongScans(t *testing.T) {
	t.Parallel()
	evil := unpacktest.Eicar()
	for name, content := range map[string][]byte{
		"walk has ended":     box(evil),
		"walk goes on":       box(evil, unpacktest.Pages(500)),
		"in a trial reading": []byte("TRY" + string(box(evil))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				c := unpack.Checker{Formats: toys(), Parallel: 4}
				got := unpacktest.Check(t, c, content, onlyEnds(evil))
				if took := time.Since(began); got.Outcome != unpack.Found || took > time.Minute {
					t.Errorf("got %+v after %s, want %s within a minute", got, took, unpacktest.Infected)
				}
			})
		})
	}
}

// onlyEnds is an engine that scans one piece in a second, and all others until it is
// stopped.
func onlyEnds(piece []byte) unpack.Engine {
	return func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
		select {
		case <-time.After(time.Second):
			if sum == sha256.Sum256(piece) {
				return unpacktest.Marker(ctx, f, sum)
			}
			<-ctx.Done()
		case <-ctx.Done():
		}
		return unpack.Finding{}, ctx.Err()
	}
}

// slowFor is an engine that scans some pieces until it is stopped.
func slowFor(long ...[]byte) unpack.Engine {
	sums := map[unpack.Sum]bool{}
	for _, content := range long {
		sums[sha256.Sum256(content)] = true
	}
	return func(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
		if !sums[sum] {
			return unpacktest.Marker(ctx, f, sum)
		}
		select {
		case <-ctx.Done():
			return unpack.Finding{}, ctx.Err()
		case <-time.After(30 * time.Second):
			return unpack.Finding{}, errors.New("a scan that takes minutes was not stopped")
		}
	}
}

// TestAStoppedScanIsNeverClean checks a file whose scan is stopped for a costly member of
// a damaged stream. Refusals within such a stream are dropped, but the file was not
// scanned to its end.
func TestAStoppedScanIsNeverClean(t *testing.T) {
	t.Parallel()
	costly := append([]byte("COST"), unpacktest.Pages(500)...)
	content := append([]byte("PART"), costly...)
	part := unpack.Format{
		Name: "part", Magics: []unpack.Magic{{Text: "PART"}}, Whole: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			r := io.MultiReader(c.Section(4, c.Size()), iotest.ErrReader(errBroken))
			if whole, err := v.TryStream("costly", r); whole || err != nil {
				return errors.Join(err, errors.New("the stream is whole"))
			}
			return nil
		},
	}
	c := unpack.Checker{Formats: unpack.NewFormats(part, costlyFormat()), Parallel: 4}
	got := unpacktest.Check(t, c, content, slowFor(content))
	if got.Reason != job.LimitFiles {
		t.Errorf("got %+v, want %s", got, job.LimitFiles)
	}
}

// TestACostlyMemberTwice checks that the scan of a second container of the same costly
// member is stopped as well, although the member is not looked into again.
func TestACostlyMemberTwice(t *testing.T) {
	t.Parallel()
	costly := append([]byte("COST"), unpacktest.Pages(500)...)
	first, second := box(costly), box(costly, unpacktest.Pages(100))
	content := box(first, second)
	c := unpack.Checker{Formats: toys(), Parallel: 4}
	got := unpacktest.Check(t, c, content, slowFor(content, first, second))
	if got.Reason != job.LimitFiles {
		t.Errorf("got %+v, want %s", got, job.LimitFiles)
	}
}

// TestAPanicInATrial checks that a refusal from before the panic is not lost.
func TestAPanicInATrial(t *testing.T) {
	t.Parallel()
	broken := unpack.Format{Name: "panic", Marks: []unpack.Mark{{
		Text: "PANIC",
		Open: func(v *unpack.Visitor, _ int64) (int64, error) {
			_, err := v.Try(func() error { panic("hostile bytes") })
			return 0, err
		},
	}}}
	c := unpack.Checker{Formats: unpack.NewFormats(boxFormat(), broken)}
	content := unpacktest.Join(boxWith(locked, nil, nil), []byte("before PANIC behind"))
	got := unpacktest.Check(t, c, content, unpacktest.FindsNothing)
	if got.Reason != job.Encrypted {
		t.Errorf("got %+v, want %s", got, job.Encrypted)
	}
}

// TestAPanicBeforeTheWalk checks that a panic in Match or Costly neither ends the program
// nor makes the file clean.
func TestAPanicBeforeTheWalk(t *testing.T) {
	t.Parallel()
	panics := func(text string) unpack.Format {
		return unpack.Format{
			Name: text, Magics: []unpack.Magic{{Text: text}},
			Walk: func(*unpack.Visitor, unpack.Content) error { return nil },
		}
	}
	match, costly := panics("MATCH"), panics("COSTLY")
	match.Match = func(unpack.Content, []byte) bool { panic("hostile bytes") }
	match.Walk = func(*unpack.Visitor, unpack.Content) error { panic("hostile bytes") }
	costly.Costly = func(unpack.Content) error { panic("hostile bytes") }
	inText := unpack.Format{Name: "in text", Marks: []unpack.Mark{{
		Text: "<<", Start: true,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			return v.Content().Size(), v.Region("member", at+2, v.Content().Size()-at-2)
		},
	}}}
	for _, content := range []string{"MATCH", "COSTLY", "<<MATCH", "<<COSTLY"} {
		c := unpack.Checker{Formats: unpack.NewFormats(match, costly, inText, boxFormat())}
		for _, file := range [][]byte{[]byte(content), box([]byte(content))} {
			got := unpacktest.Check(t, c, file, unpacktest.FindsNothing)
			if got.Reason != job.Damaged {
				t.Errorf("%q: got %+v, want %s", file, got, job.Damaged)
			}
		}
	}
}

// TestMarksAreOpenedOnce checks marks at the border of two pages of a search, which have
// some bytes in common.
func TestMarksAreOpenedOnce(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	mark := unpack.Format{Name: "mark", Marks: []unpack.Mark{{
		Text: "MARK", Start: true,
		Open: func(*unpack.Visitor, int64) (int64, error) {
			opened.Add(1)
			return 0, nil
		},
	}}}
	c := unpack.Checker{Formats: unpack.NewFormats(mark)}
	for size := (256 << 10) - 300; size < (256<<10)+300; size += 7 {
		content := append(bytes.Repeat([]byte("MARK"), size/4), strings.Repeat("x", size%4)...)
		opened.Store(0)
		unpacktest.Check(t, c, content, unpacktest.FindsNothing)
		if got := opened.Load(); got != int64(size/4) {
			t.Fatalf("got %d marks opened in %d bytes, want %d", got, size, size/4)
		}
	}
}
