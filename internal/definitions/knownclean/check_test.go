package knownclean

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/scratch"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// fakeEngine returns a finding for the content of a file.
type fakeEngine func(content string) (clamav.Finding, error)

func (e fakeEngine) Scan(_ context.Context, f *os.File) (clamav.Finding, error) {
	content, err := io.ReadAll(f)
	if err != nil {
		return clamav.Finding{}, err
	}
	return e(string(content))
}

// filesOf returns files whose names are their contents.
func filesOf(contents ...string) (files []File) {
	for _, c := range contents {
		open := func(dir string) (*os.File, error) { return scratch.File(dir, []byte(c)) }
		files = append(files, File{Name: c, Size: int64(len(c)), Open: open})
	}
	return files
}

func TestCheck(t *testing.T) {
	t.Parallel()
	errEnded := errors.New("the engine ended")
	missing := File{Name: "missing", Size: 7, Open: func(string) (*os.File, error) { return nil, os.ErrNotExist }}
	set := Set{Documents: filesOf("letter", "table"), System: append(filesOf("bash", "perl", "tar"), missing)}
	all := Report{Files: 5, Of: 5, Bytes: 22}
	tests := []struct {
		name    string
		from    string
		at      string // the file for which the engine returns finding and scanErr
		finding clamav.Finding
		scanErr error
		cancel  bool // the context ends while the file is scanned
		want    Report
		err     error
		scanned []string
	}{
		{
			name: "all clean", want: all,
			scanned: []string{"letter", "table", "bash", "perl", "tar"},
		},
		{
			name: "continued", from: "perl", want: all,
			scanned: []string{"letter", "table", "perl", "tar", "bash"},
		},
		{
			name: "continued at a file that was removed", from: "zsh", want: all,
			scanned: []string{"letter", "table", "bash", "perl", "tar"},
		},
		{
			name: "false positive", at: "perl", finding: clamav.Finding{Outcome: clamav.Found, Signature: "Bad"},
			want: Report{
				Files:      5,
				Of:         5,
				Bytes:      22,
				Detections: []definitions.Detection{{Signature: "Bad", File: "perl"}},
			},
			scanned: []string{"letter", "table", "bash", "perl", "tar"},
		},
		{
			name: "scanned in part", at: "table", finding: clamav.Finding{Outcome: clamav.Limit},
			want:    Report{Files: 5, Of: 5, Bytes: 22, Partial: []string{"table"}},
			scanned: []string{"letter", "table", "bash", "perl", "tar"},
		},
		{
			name: "context ends at a document", at: "table", scanErr: clamav.ErrOverdue, cancel: true, err: ErrTime,
			want: Report{Files: 1, Of: 6, Bytes: 6}, scanned: []string{"letter", "table"},
		},
		{
			name: "context ends at a file of the system", at: "perl", scanErr: clamav.ErrOverdue, cancel: true,
			want:    Report{Files: 3, Of: 6, Bytes: 15, Next: "perl"},
			scanned: []string{"letter", "table", "bash", "perl"},
		},
		{
			name: "engine ends", at: "bash", scanErr: errEnded, err: errEnded,
			want: Report{Files: 2, Of: 6, Bytes: 11}, scanned: []string{"letter", "table", "bash"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var scanned []string
			engine := fakeEngine(func(content string) (clamav.Finding, error) {
				scanned = append(scanned, content)
				if content != tt.at {
					return clamav.Finding{Outcome: clamav.Clean}, nil
				}
				if tt.cancel {
					cancel()
				}
				return tt.finding, tt.scanErr
			})
			r, err := set.Check(ctx, engine, t.TempDir(), tt.from)
			if !errors.Is(err, tt.err) || (err != nil) != (tt.err != nil) {
				t.Errorf("Check() = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, r, cmpopts.IgnoreFields(Report{}, "Seconds")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !slices.Equal(scanned, tt.scanned) {
				t.Errorf("scanned %q, want %q", scanned, tt.scanned)
			}
		})
	}
}

// TestNoTime checks that a context which has ended before Check is ErrTime.
func TestNoTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	engine := fakeEngine(func(string) (clamav.Finding, error) { return clamav.Finding{Outcome: clamav.Clean}, nil })
	if _, err := (Set{Documents: filesOf("letter")}).Check(ctx, engine, t.TempDir(), ""); !errors.Is(err, ErrTime) {
		t.Errorf("Check() = %v, want ErrTime", err)
	}
}

// TestRealEngine scans every document with clamd. With the test definitions clamd
// scans each document completely and finds nothing. With a signature for words of one
// document it finds that document.
func TestRealEngine(t *testing.T) {
	t.Parallel()
	s, err := Find(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, signature string
		want            []string
	}{
		{name: "test definitions"},
		{
			name:      "signature for words",
			signature: "Harbour:0:*:486172626f7572206f6666696365\n", // "Harbour office"
			want:      []string{"documents/meeting.ics"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := definitions.WriteTest(dir); err != nil {
				t.Fatal(err)
			}
			if tt.signature != "" {
				if err := os.WriteFile(dir+"/word.ndb", []byte(tt.signature), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			e, err := clamav.Start(clamav.Config{Clamd: need.Clamd(t), RunDir: t.TempDir()}, definitions.Generation{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.Stop(); err != nil {
					t.Error(err)
				}
			}()
			if err := e.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			r, err := s.Check(t.Context(), e, t.TempDir(), "")
			var found []string
			for _, d := range r.Detections {
				found = append(found, d.File)
				if !strings.HasPrefix(d.Signature, "Harbour") {
					t.Errorf("%s: got detection %s, want none but Harbour", d.File, d.Signature)
				}
			}
			if err != nil || r.Files != len(s.Documents) || len(r.Partial) > 0 || !slices.Equal(found, tt.want) {
				t.Errorf("Check() = %+v, %v, want %d documents and detections in %q", r, err, len(s.Documents), tt.want)
			}
		})
	}
}
