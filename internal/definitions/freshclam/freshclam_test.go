package freshclam

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/internal/testing/need"
)

func TestMain(m *testing.M) { mirror.Main(m) }

// bench is a mirror, and a folder that the real freshclam updates from it.
type bench struct {
	t      *testing.T
	mirror *mirror.Mirror
	dir    string
	cfg    Config
}

func newBench(t *testing.T) *bench {
	t.Helper()
	need.Freshclam(t)
	b := &bench{t: t, mirror: mirror.New(), dir: t.TempDir()}
	t.Cleanup(b.mirror.Close)
	b.cfg = Config{Mirror: b.mirror.URL, Attempts: 1}
	return b
}

// offer puts this version of the daily database on the mirror, with a main and a bytecode database.
func (b *bench) offer(version int) {
	b.mirror.Offer(mirror.Set(version, time.Now().Add(-time.Hour).Add(time.Duration(version)*time.Minute), "word")...)
}

func (b *bench) run() Report {
	b.t.Helper()
	r, err := Run(b.t.Context(), b.cfg, b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// daily returns the version of the daily database in the folder, 0 if there is none.
func (b *bench) daily() int { return ReadHeaders(b.dir)["daily"].Version }

// html is an answer of a captive portal.
var html = []byte(
	"<!DOCTYPE html><html><head><title>Sign in</title></head><body>" + strings.Repeat(
		"Please sign in. ",
		200,
	) + "</body></html>",
)

func forbidden(status int, retry time.Duration) func(*bench) {
	return func(b *bench) { b.mirror.Handle("*", mirror.Status(status, retry)) }
}

func cutShort(b *bench) {
	if err := os.Truncate(filepath.Join(b.dir, "daily.cvd"), 700); err != nil {
		b.t.Fatal(err)
	}
}

// TestOutcomes runs the real freshclam in a folder with version 1 and with a mirror of version 2 that
// fails in one way.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	body := func(h func(whole []byte) http.HandlerFunc) func(*bench) {
		return func(b *bench) {
			b.cfg.WholeFiles = true
			b.mirror.Body("daily.cvd", h(b.mirror.Get("daily.cvd")))
		}
	}
	bodyStatus := func(status int, retry time.Duration) func(*bench) {
		return body(func([]byte) http.HandlerFunc { return mirror.Status(status, retry) })
	}
	tests := []struct {
		name  string
		spoil func(*bench)
		want  Outcome
		daily int           // version after the run
		retry time.Duration // length of the cool-down, within a minute
	}{
		{name: "new version by cdiff", want: Updated, daily: 2},
		{name: "new version as a whole", spoil: func(b *bench) { b.cfg.WholeFiles = true }, want: Updated, daily: 2},
		{name: "five cdiffs", spoil: func(b *bench) {
			for v := 3; v <= 6; v++ {
				b.offer(v)
			}
		}, want: Updated, daily: 6},
		{name: "already current", spoil: func(b *bench) { b.run() }, want: Current, daily: 2},
		{name: "a later cdiff missing", spoil: func(b *bench) {
			b.offer(3)
			b.mirror.Put("daily-3.cdiff", nil)
		}, want: Partial, daily: 2},
		{
			name:  "the next cdiff missing",
			spoil: func(b *bench) { b.mirror.Put("daily-2.cdiff", nil) },
			want:  Behind,
			daily: 1,
		},
		{name: "cdiff corrupt", spoil: func(b *bench) {
			b.mirror.Put("daily-2.cdiff", bytes.Repeat([]byte("x"), 700))
		}, want: Updated, daily: 2},
		{name: "cdiff with a changed byte", spoil: func(b *bench) {
			diff := slices.Clone(b.mirror.Get("daily-2.cdiff"))
			diff[40] ^= 1
			b.mirror.Put("daily-2.cdiff", diff)
		}, want: Updated, daily: 2},
		{name: "403 on the header", spoil: forbidden(403, 0), want: Refused, daily: 1, retry: 24 * time.Hour},
		{name: "429 on the header", spoil: forbidden(429, 0), want: Refused, daily: 1, retry: 4 * time.Hour},
		{
			name:  "429 with Retry-After on the header",
			spoil: forbidden(429, 2*time.Hour),
			want:  Refused,
			daily: 1,
			retry: 2 * time.Hour,
		},
		{name: "403 on the body", spoil: bodyStatus(403, 0), want: Refused, daily: 1, retry: 24 * time.Hour},
		{name: "429 on the body", spoil: bodyStatus(429, 0), want: Refused, daily: 1, retry: 4 * time.Hour},
		{
			name:  "429 with Retry-After on the body",
			spoil: bodyStatus(429, time.Hour),
			want:  Refused,
			daily: 1,
			retry: time.Hour,
		},
		{name: "500", spoil: forbidden(500, 0), want: Unreachable, daily: 1},
		{name: "503", spoil: forbidden(503, 0), want: Unreachable, daily: 1},
		{name: "404", spoil: forbidden(404, 0), want: Unreachable, daily: 1},
		{name: "500 on the body", spoil: bodyStatus(500, 0), want: Unreachable, daily: 1},
		{
			name:  "cut",
			spoil: body(func(whole []byte) http.HandlerFunc { return mirror.Cut(whole) }),
			want:  Unreachable,
			daily: 1,
		},
		{
			name:  "empty body",
			spoil: body(func([]byte) http.HandlerFunc { return mirror.Bytes(nil) }),
			want:  Corrupt,
			daily: 1,
		},
		{
			name:  "HTML for the body",
			spoil: body(func([]byte) http.HandlerFunc { return mirror.Bytes(html) }),
			want:  Corrupt,
			daily: 1,
		},
		{
			name:  "HTML for everything",
			spoil: func(b *bench) { b.mirror.Handle("*", mirror.Bytes(html)) },
			want:  Unreachable,
			daily: 1,
		},
		{
			name:  "short body",
			spoil: body(func(whole []byte) http.HandlerFunc { return mirror.Bytes(whole[:len(whole)-100]) }),
			want:  Corrupt,
			daily: 1,
		},
		{name: "body with a changed byte", spoil: body(func(whole []byte) http.HandlerFunc {
			changed := slices.Clone(whole)
			changed[len(changed)-20] ^= 1
			return mirror.Bytes(changed)
		}), want: Corrupt, daily: 1},
		{name: "header and body of different versions", spoil: func(b *bench) {
			b.cfg.WholeFiles = true
			old := mirror.Set(1, time.Now().Add(-time.Hour))[1].CVD()
			b.mirror.Body("daily.cvd", mirror.Bytes(old))
		}, want: Behind, daily: 1},
		{name: "header newer and body older than ours", spoil: func(b *bench) {
			b.cfg.WholeFiles = true
			b.run()
			old := b.mirror.Get("daily.cvd")
			b.offer(5)
			b.run()
			b.offer(6)
			b.mirror.Body("daily.cvd", mirror.Bytes(old))
		}, want: Older, daily: 2},
		{name: "older mirror", spoil: func(b *bench) {
			b.run()
			b.mirror.Put("daily.cvd", mirror.Set(1, time.Now().Add(-time.Hour))[1].CVD())
		}, want: Current, daily: 2},
		{name: "garbage as the local database", spoil: func(b *bench) {
			b.write("daily.cvd", []byte("garbage"))
		}, want: Updated, daily: 2},
		{name: "local database cut short", spoil: cutShort, want: Behind, daily: 1},
		{name: "local database cut short, whole files", spoil: func(b *bench) {
			cutShort(b)
			b.cfg.WholeFiles = true
		}, want: Updated, daily: 2},
		{name: "nothing listens", spoil: func(b *bench) { b.mirror.Close() }, want: Unreachable, daily: 1},
		{
			name:  "freshclam.dat is garbage",
			spoil: func(b *bench) { b.write(StateFile, []byte("garbage")) },
			want:  Updated,
			daily: 2,
		},
		{name: "one of the databases is refused", spoil: func(b *bench) {
			b.mirror.Handle("bytecode.cvd", mirror.Status(429, 0))
		}, want: Partial, daily: 2, retry: 4 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.offer(1)
			if r := b.run(); r.Outcome != Updated || b.daily() != 1 {
				t.Fatalf("the first run is %+v, want updated to version 1", r)
			}
			b.offer(2)
			if tt.spoil != nil {
				tt.spoil(b)
			}
			start := time.Now()
			r := b.run()
			if r.Outcome != tt.want || b.daily() != tt.daily || r.After["daily"].Version != tt.daily {
				t.Errorf("outcome is %s (%s) with daily %d, want %s with %d", r.Outcome, r.Detail, b.daily(), tt.want, tt.daily)
			}
			if whole := r.Outcome == Updated || r.Outcome == Current; whole != (r.Detail == "") {
				t.Errorf(
					"outcome %s has the detail %q, want a detail unless the outcome is updated or current",
					r.Outcome,
					r.Detail,
				)
			}
			b.wantRetry(r, start, tt.retry)
		})
	}
}

func (b *bench) write(name string, content []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// wantRetry checks that the cool-down ends this time after start, and that the next run does not ask
// the mirror, which works again.
func (b *bench) wantRetry(r Report, start time.Time, want time.Duration) {
	b.t.Helper()
	if want == 0 {
		if !r.Retry.IsZero() {
			b.t.Errorf("there is a cool-down until %s, want none", r.Retry)
		}
		return
	}
	if got := r.Retry.Sub(start); got < want-time.Minute || got > want+time.Minute {
		b.t.Errorf("the cool-down is %s, want %s", got, want)
	}
	b.mirror.Handle("*", nil)
	b.mirror.Requests()
	next := b.run()
	if next.Outcome != CoolingDown || next.Retry != r.Retry || next.Detail == "" {
		b.t.Errorf("the next run is %+v, want cooling-down with the same end", next)
	}
	if asked := b.mirror.Requests(); len(asked) > 0 {
		b.t.Errorf("the mirror was asked during the cool-down: %v, want no request", asked)
	}
}

func TestIncrementalUpdatesAreUsed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	b.offer(2)
	b.mirror.Requests()
	b.run()
	want := []string{"GET daily.cvd header", "GET daily-2.cdiff", "GET main.cvd header", "GET bytecode.cvd header"}
	if diff := cmp.Diff(want, b.mirror.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRunEndsWithTheContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.mirror.Handle("*", func(_ http.ResponseWriter, r *http.Request) {
		cancel() // freshclam waits for the answer
		<-r.Context().Done()
	})
	if _, err := Run(ctx, b.cfg, b.dir); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want the context's error", err)
	}
}

func TestRunWithoutTheProgram(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cfg.Program = filepath.Join(b.dir, "none")
	if _, err := Run(t.Context(), b.cfg, b.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run() = %v, want that there is no such file", err)
	}
}
