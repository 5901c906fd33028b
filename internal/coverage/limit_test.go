package coverage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	nest := pages(100)
	for range 20 {
		nest = zstdOf(t, nest)
	}
	var many []zipped
	for range 50 {
		many = append(many, zipped{name: "a", content: pages(50)})
	}
	bomb := zstdOf(t, make([]byte, 9<<20))
	generous := DefaultLimits()
	tests := []struct {
		name    string
		change  func(*Limits)
		content []byte
		want    job.Reason
	}{
		{"depth", func(l *Limits) { l.Depth = 3 }, nest, job.LimitRecursion},
		{"default depth", func(*Limits) {}, nest, job.LimitRecursion},
		{"members", func(l *Limits) { l.Members = 20 }, zipOf(t, many...), job.LimitFiles},
		{"bytes", func(l *Limits) { l.Unpacked = 1 << 20 }, bomb, job.LimitSize},
		{"bytes on disk", func(l *Limits) { l.Unpacked = 8 << 20 }, bomb, job.LimitSize},
		{"time", func(l *Limits) { l.Time = time.Nanosecond }, bomb, job.LimitTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limits := generous
			tt.change(&limits)
			c := Checker{Limits: limits, Dir: t.TempDir()}
			if got := check(t, c, tt.content); got != string(tt.want) {
				t.Errorf("coverage says %q, want %q", got, tt.want)
			}
			if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestLargeMember: what does not stay in memory is shown all the same.
func TestLargeMember(t *testing.T) {
	t.Parallel()
	content := zstdOf(t, append(pages(6<<20), eicarText()...))
	if got := check(t, Checker{Dir: t.TempDir()}, content); got != infected {
		t.Errorf("coverage says %q, want %q", got, infected)
	}
}

// TestNoVerdict: a failure that is not the file's is no finding about it.
func TestNoVerdict(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	content := gzipOf(t, pages(3000))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		f    io.ReaderAt
		dir  string
		size int
		scan Scanner
		want error
	}{
		{"engine fails", t.Context(), bytes.NewReader(zstdOf(t, content)), "", 0, func(context.Context, *os.File) (Finding, error) { return Finding{}, broken }, broken},
		{"file cannot be read", t.Context(), failing{bytes.NewReader(content), broken}, "", len(content), calm, broken},
		{"context ended", ended, bytes.NewReader(content), "", len(content), calm, context.Canceled},
		{"no room for members", t.Context(), bytes.NewReader(zstdOf(t, make([]byte, 5<<20))), "/nonexistent", 0, calm, os.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			size := int64(tt.size)
			if r, ok := tt.f.(*bytes.Reader); ok {
				size = r.Size()
			}
			got, err := Checker{Dir: tt.dir}.Check(tt.ctx, tt.f, size, tt.scan)
			if !errors.Is(err, tt.want) || got != (Finding{}) {
				t.Errorf("Check() = %+v, %v, want no finding and %v", got, err, tt.want)
			}
		})
	}
}

// failing fails after the first kilobyte, as a volume does that goes away.
type failing struct {
	io.ReaderAt
	err error
}

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at >= 300 || len(p) > 2048 {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, at)
}
