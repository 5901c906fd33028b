package logs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines reads all of a log.
func lines(t *testing.T, path string) (all []string) {
	t.Helper()
	s := stream{path: path, at: happened}
	if err := s.read(query{since: math.MinInt64}, func(_ int64, _ time.Time, text string) bool {
		all = append(all, text)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A log takes no more than twice its limit on the disk, also over several runs, and its reader sees both files as one.
func TestFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	var written []string
	for run := range 3 {
		f := NewFile(path)
		f.limit = 100
		for i := range 20 {
			some := []string{fmt.Sprintf("run %d, line %02d", run, i), "and another"}
			if err := f.Append(some...); err != nil {
				t.Fatal(err)
			}
			written = append(written, some...)
			got, want := lines(t, path), written[max(0, len(written)-8):]
			if !strings.HasSuffix(strings.Join(got, "\n"), strings.Join(want, "\n")) {
				t.Fatalf("after %d lines: got %q, want the last %q", len(written), got, want)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for _, p := range []string{path, path + former} {
		content, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		total += len(content)
	}
	if total > 2*(100+2*30) {
		t.Errorf("the log takes %d bytes, want no more than two files of 100 bytes and one more line each", total)
	}
}

// A line that was cut when a process was killed does not take the next one with it.
func TestFileAfterAKill(t *testing.T) {
	t.Parallel()
	f := NewFile(filepath.Join(t.TempDir(), "x.log"))
	for _, left := range []string{"whole\n", "cu", ""} {
		if err := os.WriteFile(f.path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Append("next"), f.Close()); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, f.path); got[len(got)-1] != "next" || len(got) != min(len(left), 1)+1 {
			t.Errorf("after %q: got %q, want the next line on its own", left, got)
		}
	}
}

// What an uploader put into a key does not reach a terminal.
func TestFileEscapes(t *testing.T) {
	t.Parallel()
	f := NewFile(filepath.Join(t.TempDir(), "x.log"))
	if err := f.Append("a\x1b[31m\u202e\U000e0001", `{"a":"ü<&>"}`); err != nil {
		t.Fatal(err)
	}
	want := []string{`a\u001b[31m\u202e\udb40\udc01`, `{"a":"ü<&>"}`}
	if diff := cmp.Diff(want, lines(t, f.path)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A reader that opened the newer file just before it became the older one reads it once.
func TestReadDuringARename(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	for _, p := range []string{path, path + former} {
		if err := os.WriteFile(p, []byte("here\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("two files: got %q, want two lines", got)
	}
	if err := os.Remove(path + former); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, path+former); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, path); len(got) != 1 {
		t.Errorf("one file under both names: got %q, want its line once", got)
	}
}
