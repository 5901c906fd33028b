package update

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/knownclean"
	"github.com/lazaret/lazaret/internal/scratch"
)

// known returns known-clean files: one document and one file of the system.
func known(document, file string) knownclean.Set {
	part := func(name, content string) []knownclean.File {
		open := func(dir string) (*os.File, error) { return scratch.File(dir, []byte(content)) }
		return []knownclean.File{{Name: name, Size: int64(len(content)), Open: open}}
	}
	return knownclean.Set{Documents: part("documents/letter.txt", document), System: part("/usr/bin/tool", file)}
}

func (b *bench) do(r Request) Listing {
	b.t.Helper()
	l, err := b.Do(b.t.Context(), r)
	if err != nil {
		b.t.Fatalf("%+v: %v", r, err)
	}
	return l
}

// heldBack offers a second version whose word is in the document, and checks that it is held back.
func heldBack(t *testing.T) (b *bench, s Status) {
	t.Helper()
	b = newBench(t)
	b.KnownClean = known("a letter with wrongbit in it", "a tool with otherbit in it")
	b.offer(1)
	if s = b.run(); !s.Published || s.KnownClean == nil || s.KnownClean.Files != 2 || s.KnownClean.Of != 2 {
		t.Fatalf(
			"status of the first run is %+v, with %+v, want it published, and two known-clean files scanned",
			s,
			s.KnownClean,
		)
	}
	b.offer(2, "wrongbit")
	s = b.run()
	if s.Outcome != HeldBack || s.Published || s.Held == nil || !strings.Contains(s.Detail, "Word-wrongbit") {
		t.Fatalf("status is %+v, want version 2 held back", s)
	}
	b.current(1)
	return b, s
}

func TestHeldBack(t *testing.T) {
	t.Parallel()
	b, s := heldBack(t)
	want := []definitions.Detection{{Signature: "Word-wrongbit", File: "documents/letter.txt"}}
	if !slices.Equal(s.Held.Detections, want) || s.Held.Files != 1 || s.Held.Generation.Version != 2 ||
		time.Since(s.Held.Since) > time.Minute {
		t.Errorf("held back is %+v, want %+v", s.Held, want)
	}
	for _, part := range []string{
		"Word-wrongbit", "documents/letter.txt", "lazaret definitions ignore 'Word-wrongbit'",
		"lazaret definitions publish " + s.Held.Generation.Fingerprint[:8],
	} {
		if !strings.Contains(s.News, part) {
			t.Errorf("the news is %q, want %q in it", s.News, part)
		}
	}
	// The next run downloads and proves nothing again.
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(s.Held.Generation.Dir, old, old); err != nil {
		t.Fatal(err)
	}
	b.mirror.Requests()
	again := b.run()
	if again.Outcome != HeldBack || again.News != "" || again.Held == nil || !again.Held.Since.Equal(s.Held.Since) ||
		again.KnownClean == nil {
		t.Errorf("status of the next run is %+v, want the same detections", again)
	}
	if asked := b.mirror.Requests(); slices.ContainsFunc(
		asked,
		func(r string) bool { return !strings.HasSuffix(r, " header") },
	) {
		t.Errorf("the mirror was asked %v, want headers alone", asked)
	}
	l := b.do(Request{Definitions: List})
	if l.Status.Held == nil || len(l.Generations) != 2 || l.Current == l.Status.Held.Generation.Fingerprint {
		t.Errorf("the listing is %+v, want a second generation, held back", l)
	}
	b.current(1)
}

func TestBetterGeneration(t *testing.T) {
	t.Parallel()
	b, _ := heldBack(t)
	b.offer(3)
	b.mirror.Requests()
	s := b.run()
	if s.Outcome != freshclam.Updated || !s.Published || s.Held != nil || s.News != "" {
		t.Errorf("status is %+v, want version 3 published", s)
	}
	if asked := b.mirror.Requests(); slices.Contains(asked, "GET daily-2.cdiff") {
		t.Errorf("the mirror was asked %v, want only what is newer than what is held back", asked)
	}
	b.current(3)
}

func TestWorseGeneration(t *testing.T) {
	t.Parallel()
	b, first := heldBack(t)
	b.offer(3, "wrongbit", "otherbit")
	s := b.run()
	if s.Outcome != HeldBack || s.Held.Generation.Version != 3 || s.Held.Files != 2 ||
		!s.Held.Since.Equal(first.Held.Since) {
		t.Errorf("status is %+v, held back is %+v, want held back since the first time", s, s.Held)
	}
	if !strings.Contains(s.News, "2 known-clean files") {
		t.Errorf("the news is %q, want the second file in it", s.News)
	}
	b.current(1)
}

func TestFirstGenerationHeldBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.KnownClean = known("a letter with wrongbit in it", "a tool")
	b.offer(1, "wrongbit")
	if s := b.run(); s.Outcome != HeldBack || s.Current != nil {
		t.Errorf("status is %+v, want held-back, and no current generation", s)
	}
	b.current(0)
	held := b.do(Request{Definitions: List}).Status.Held
	b.do(Request{Definitions: Publish, Generation: held.Generation.Fingerprint})
	b.current(1)
}

func TestPublishHeld(t *testing.T) {
	t.Parallel()
	b, s := heldBack(t)
	other := "0"
	if strings.HasPrefix(s.Held.Generation.Fingerprint, other) {
		other = "1"
	}
	for _, r := range []Request{
		{Definitions: Publish},
		{Definitions: Publish, Generation: other},
		{Definitions: Publish, Generation: s.Current.Fingerprint},
		{Definitions: Pin, Generation: s.Held.Generation.Fingerprint[:8]},
	} {
		if _, err := b.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), s.Held.Generation.Fingerprint) {
			t.Errorf("%+v = %v, want an error that names what is held back", r, err)
		}
	}
	b.do(Request{Definitions: Pin, Generation: s.Current.Fingerprint})
	publish := Request{Definitions: Publish, Generation: s.Held.Generation.Fingerprint[:8]}
	if _, err := b.Do(t.Context(), publish); err == nil || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("publish while another is pinned = %v, want an error about the pin", err)
	}
	b.do(Request{Definitions: Unpin})
	l := b.do(publish)
	if l.Current != s.Held.Generation.Fingerprint || l.Status.Held != nil || l.Status.Outcome != freshclam.Updated ||
		len(l.Accepted) != 1 {
		t.Errorf("the listing is %+v, want one accepted detection, and nothing held back", l)
	}
	b.current(2)
	if got := b.finds("some wrongbit here"); got != "Word-wrongbit" {
		t.Errorf("finds %q, want Word-wrongbit", got)
	}
	if s := b.run(); s.Outcome != freshclam.Current || s.Published {
		t.Errorf("status of the next run is %+v, want nothing new", s)
	}
	// The same detection holds no later generation back; another one does.
	b.offer(3, "wrongbit")
	if s := b.run(); s.Outcome != freshclam.Updated || !s.Published {
		t.Errorf("status with the accepted detection is %+v, want it published", s)
	}
	b.offer(4, "wrongbit", "otherbit")
	if s := b.run(); s.Outcome != HeldBack || s.Held.Generation.Version != 4 {
		t.Errorf("status with another detection is %+v, want version 4 held back", s)
	}
	// A detection that does not occur any more is no longer accepted.
	b.offer(5)
	b.run()
	b.current(5)
	if l := b.do(Request{Definitions: List}); len(l.Accepted) > 0 {
		t.Errorf("accepted is still %+v, want none", l.Accepted)
	}
	b.offer(6, "wrongbit")
	if s := b.run(); s.Outcome != HeldBack {
		t.Errorf("status when it is back is %+v, want held-back", s)
	}
}

func TestIgnore(t *testing.T) {
	t.Parallel()
	b, _ := heldBack(t)
	if _, err := b.Do(t.Context(), Request{Definitions: Ignore, Signature: "Eicar-Signature"}); err == nil ||
		!strings.Contains(err.Error(), "holds no definitions back") {
		t.Errorf("ignore of another signature = %v, want an error", err)
	}
	ignore := Request{Definitions: Ignore, Signature: "Word-wrongbit"}
	b.do(ignore)
	if l := b.do(ignore); !slices.Equal(l.Ignored, []string{"Word-wrongbit"}) {
		t.Errorf("ignored is %q, want Word-wrongbit", l.Ignored)
	}
	s := b.run()
	if f := s.file(ignoredName); !s.Published || s.Held != nil || !f.AllowList || f.Refused != "" {
		t.Errorf("status after ignore is %+v, want it published with the list of ignored signatures", s)
	}
	b.current(2)
	if got := b.finds("some wrongbit here"); got != "" {
		t.Errorf("finds %q, want it ignored", got)
	}
	b.offer(3, "wrongbit", "newbit")
	if s := b.run(); !s.Published {
		t.Errorf("status of a later set is %+v, want it published", s)
	}
	if got := b.finds("some newbit here"); got != "Word-newbit" {
		t.Errorf("finds %q, want Word-newbit", got)
	}
	unignore := Request{Definitions: Unignore, Signature: "Word-wrongbit"}
	if l := b.do(unignore); len(l.Ignored) > 0 {
		t.Errorf("ignored is %q, want none", l.Ignored)
	}
	if _, err := b.Do(t.Context(), unignore); err == nil || !strings.Contains(err.Error(), "not ignored") {
		t.Errorf("unignore twice = %v, want an error", err)
	}
	if s := b.run(); s.Outcome != HeldBack || s.file(ignoredName).Name != "" {
		t.Errorf("status after unignore is %+v, want held-back, without the list of ignored signatures", s)
	}
}

// TestReservedName checks that a file with the name of the list of ignored signatures is refused, and
// that the list is used.
func TestReservedName(t *testing.T) {
	t.Parallel()
	b, _ := heldBack(t)
	b.OwnSource = files(map[string]string{ignoredName: "Eicar-Signature\n"})
	b.do(Request{Definitions: Ignore, Signature: "Word-wrongbit"})
	s := b.run()
	refused := slices.ContainsFunc(s.Own, func(f OwnFile) bool {
		return f.Name == ignoredName && strings.Contains(f.Refused, "lazaret definitions ignore")
	})
	if !s.Published || !refused {
		t.Errorf("status is %+v, want it published, and the file refused", s)
	}
	if got := b.finds("some wrongbit here"); got != "" {
		t.Errorf("finds %q, want it ignored", got)
	}
}

// TestOwnDetections has own signatures of several kinds that report known-clean files, alone and
// together with an official one that they may hide.
func TestOwnDetections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, content, document string
		words                         []string
		own                           string // name of the own signature that is reported
		held                          bool
	}{
		{name: "a pattern", file: "own.ndb", content: line, document: "own-text", own: "Own-Text.UNOFFICIAL"},
		{
			name: "a rule", file: "own.yara", content: "rule Own { strings: $a = \"own-text\" condition: $a }\n",
			document: "own-text", own: "YARA.Own.UNOFFICIAL",
		},
		{
			name:     "a pattern beside an official one",
			file:     "own.ndb",
			content:  line,
			document: "own-text wrongbit",
			words:    []string{"wrongbit"},
			held:     true,
		},
		{
			name:     "a pattern for the official one's text",
			file:     "own.ndb",
			content:  "Aaa:0:*:77726f6e67626974\n",
			document: "wrongbit",
			words:    []string{"wrongbit"},
			held:     true,
		},
		{
			name:     "an allow-list hides nothing",
			file:     "own.ign2",
			content:  "Word-otherbit\n",
			document: "wrongbit",
			words:    []string{"wrongbit"},
			held:     true,
		},
		{
			name:     "an allow-list for the official one",
			file:     "own.ign2",
			content:  "Word-wrongbit\n",
			document: "wrongbit",
			words:    []string{"wrongbit"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.KnownClean = known("a letter with "+tt.document, "a tool")
			b.OwnSource = files(map[string]string{tt.file: tt.content})
			b.offer(1, tt.words...)
			s := b.run()
			if s.file(tt.file).Refused != "" {
				t.Fatalf("own signatures are refused: %+v, want them used", s.Own)
			}
			if s.Published == tt.held || (s.Held != nil) != tt.held {
				t.Errorf("status is %+v, want it held back: %t", s, tt.held)
			}
			if tt.held && s.Held.Detections[0].Signature != "Word-wrongbit" {
				t.Errorf("held back for %+v, want the official signature", s.Held.Detections)
			}
			if tt.own == "" {
				return
			}
			if s.OwnDetections.Files != 1 || s.OwnDetections.Detections[0].Signature != tt.own ||
				!strings.Contains(s.News, tt.own) {
				t.Errorf("own detections are %+v and the news %q, want %s", s.OwnDetections, s.News, tt.own)
			}
			if again := b.run(); again.OwnDetections.Files != 1 || again.News != "" {
				t.Errorf("the next run says %+v and %q, want it known and no news", again.OwnDetections, again.News)
			}
		})
	}
}

// TestKnownCleanTime checks that nothing is published without time for the documents, that it is
// published without time for the other files, and that the next proof scans those.
func TestKnownCleanTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.KnownClean = known("a letter", "a tool")
	b.offer(1)
	b.KnownCleanTime = time.Nanosecond
	if s := b.run(); s.Outcome != Unproved || s.Published || !strings.Contains(s.Detail, "documents") {
		t.Errorf("status without time is %+v, want unproved because of the documents", s)
	}
	b.current(0)
	b.KnownCleanTime = 0
	ctx, cancel := context.WithTimeout(t.Context(), publishTime)
	defer cancel()
	if s, err := b.Run(ctx); err != nil || s.Outcome != Unproved {
		t.Errorf("status where only the time to publish is left is %+v, %v, want unproved", s, err)
	}

	slow := b.KnownClean.System[0]
	b.KnownClean.System[0].Open = func(dir string) (*os.File, error) {
		time.Sleep(300 * time.Millisecond)
		return slow.Open(dir)
	}
	b.KnownCleanTime = 200 * time.Millisecond
	s := b.run()
	if s.Outcome != freshclam.Updated || !s.Published || s.KnownClean.Next != "/usr/bin/tool" ||
		s.KnownClean.Files != 1 {
		t.Errorf(
			"status with time for the documents is %+v, with %+v, want it published, and one file scanned",
			s,
			s.KnownClean,
		)
	}
	b.current(1)
	b.KnownCleanTime = 0
	b.offer(2)
	if s := b.run(); !s.Published || s.KnownClean.Next != "" || s.KnownClean.Files != 2 {
		t.Errorf("status of the next is %+v, with %+v, want it published, and both files scanned", s, s.KnownClean)
	}
}

func TestRollbackWhileHeldBack(t *testing.T) {
	t.Parallel()
	b, s := heldBack(t)
	b.offer(3)
	b.run()
	b.current(3)
	b.offer(4, "wrongbit")
	b.run()
	l := b.do(Request{Definitions: Rollback})
	if l.Current != s.Current.Fingerprint || l.Status.Held == nil {
		t.Errorf("after rollback the listing is %+v, want the current generation, and the other one held back", l)
	}
	if s := b.run(); s.Outcome != Pinned || s.Held == nil {
		t.Errorf("status while pinned is %+v, want pinned, and a generation held back", s)
	}
	b.do(Request{Definitions: Unpin})
	if s := b.run(); s.Outcome != HeldBack {
		t.Errorf("status after unpin is %+v, want held-back", s)
	}
	b.current(1)
	b.offer(5)
	b.run()
	b.current(5)
}

func TestSummaryNamesEachSignatureOnce(t *testing.T) {
	t.Parallel()
	var all []definitions.Detection
	for i := range 3 * maxSignatures {
		for _, file := range []string{"one", "two"} {
			all = append(
				all,
				definitions.Detection{Signature: "S" + string(rune('0'+i)), File: filepath.Join("/usr", file)},
			)
		}
	}
	s := summarize(all)
	if len(s.Detections) != maxSignatures || s.Files != 2 || len(slices.Compact(s.signatures())) != maxSignatures {
		t.Errorf("summarize() = %+v, want 20 detections with different signatures, and 2 files", s)
	}
	const want = "S0 calls the known-clean file /usr/one infected, 2 known-clean files in all"
	if got := s.String(); got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
