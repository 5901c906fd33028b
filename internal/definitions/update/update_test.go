package update

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/internal/trial"
)

// bench is an updater with the real freshclam and clamd, and its mirror.
type bench struct {
	*Updater
	t      *testing.T
	mirror *mirror.Mirror
	store  *definitions.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	need.Freshclam(t)
	root := filepath.Join(t.TempDir(), "definitions")
	b := &bench{
		t: t, mirror: mirror.New(), store: definitions.Open(root),
		Updater: &Updater{Root: root, Staging: t.TempDir(), Engine: clamav.Config{Clamd: need.Clamd(t), RunDir: t.TempDir()}},
	}
	b.Trials = fakeTrials{list: func() ([]trial.Trial, error) { return nil, nil }}
	b.Freshclam = freshclam.Config{Mirror: b.mirror.URL, Attempts: 1}
	t.Cleanup(b.mirror.Close)
	return b
}

// built returns the build time of a version of the daily set: an hour ago, and a minute later for each
// version.
func built(version int) time.Time {
	return time.Now().Add(-time.Hour).Add(time.Duration(version) * time.Minute)
}

func (b *bench) offer(version int, words ...string) {
	b.mirror.Offer(mirror.Set(version, built(version), append(words, "word")...)...)
}

func (b *bench) run() Status {
	b.t.Helper()
	s, err := b.Run(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// current checks that there is a complete generation with this version of the daily set, which an
// engine loads and finds the canaries with. With version 0 it checks that there is none.
func (b *bench) current(version int) definitions.Generation {
	b.t.Helper()
	g, err := b.store.Current()
	if version == 0 {
		if !errors.Is(err, definitions.ErrNone) {
			b.t.Errorf("current is %+v, %v, want none", g, err)
		}
		return g
	}
	if err != nil {
		b.t.Fatal(err)
	}
	again, err := definitions.Inspect(b.t.Context(), g.Dir)
	if err != nil || again.Fingerprint != g.Fingerprint || g.Version != version {
		b.t.Errorf(
			"current is version %d, %s, and looks like %s, %v; want version %d",
			g.Version,
			g.Fingerprint,
			again.Fingerprint,
			err,
			version,
		)
	}
	if warnings, err := b.prove(b.t.Context(), g.Dir, nil); err != nil {
		b.t.Errorf("prove(current): %v, with warnings %v, want no error", err, warnings)
	}
	return g
}

func TestFirstRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	s := b.run()
	g := b.current(1)
	if s.Outcome != freshclam.Updated || !s.Published || s.Current == nil || s.Current.Fingerprint != g.Fingerprint ||
		len(s.Warnings) > 0 {
		t.Errorf("status is %+v, want updated and published, without warnings", s)
	}
	if age := time.Since(built(1)).Seconds(); s.AgeSeconds < int64(age)-60 || s.AgeSeconds > int64(age)+60 {
		t.Errorf("the age is %d s, want %.0f", s.AgeSeconds, age)
	}
	if kept := readStatus(b.Root); kept.Current == nil || kept.Current.Fingerprint != g.Fingerprint ||
		kept.Outcome != s.Outcome {
		t.Errorf("status.json is %+v, want the status of the run", kept)
	}
	if left, err := os.ReadDir(b.Staging); err != nil || len(left) > 0 {
		t.Errorf("left in the staging folder: %v, %v, want nothing", left, err)
	}
	var names []string
	entries, err := os.ReadDir(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{".generation.json", "bytecode.cvd", "daily.cvd", "main.cvd"}; !slices.Equal(names, want) {
		t.Errorf("the generation has %v, want %v", names, want)
	}
}

// content returns the contents of all files in a folder.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	one := b.current(1)
	before := content(t, one.Dir)
	b.offer(2)
	b.mirror.Requests()
	if s := b.run(); s.Outcome != freshclam.Updated || !s.Published {
		t.Errorf("status is %+v, want updated and published", s)
	}
	b.current(2)
	if asked := b.mirror.Requests(); !slices.Contains(asked, "GET daily-2.cdiff") ||
		slices.Contains(asked, "GET daily.cvd") {
		t.Errorf("the mirror was asked %v, want the incremental update alone", asked)
	}
	after := content(t, one.Dir)
	for name := range before {
		if before[name] != after[name] {
			t.Errorf("%s of the old generation changed, want it unchanged", name)
		}
	}
	if previous, err := b.store.Previous(); err != nil || previous != one {
		t.Errorf("previous is %+v, %v, want %+v", previous, err, one)
	}
}

func TestNothingNew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	first := b.run()
	at, _, err := b.store.Switched()
	if err != nil {
		t.Fatal(err)
	}
	s := b.run()
	if s.Outcome != freshclam.Current || s.Published || s.Current.Fingerprint != first.Current.Fingerprint {
		t.Errorf("status is %+v, want current, and nothing published", s)
	}
	if again, _, err := b.store.Switched(); err != nil || !again.Equal(at) {
		t.Errorf("current was switched at %s, then at %s, %v, want the same time", at, again, err)
	}
}

// TestBadMirrors checks that the current generation stays, and that the status names the outcome.
func TestBadMirrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*bench)
		want  freshclam.Outcome
		retry bool
	}{
		{
			name:  "403",
			spoil: func(b *bench) { b.mirror.Handle("*", mirror.Status(403, 0)) },
			want:  freshclam.Refused,
			retry: true,
		},
		{
			name:  "429",
			spoil: func(b *bench) { b.mirror.Handle("*", mirror.Status(429, time.Hour)) },
			want:  freshclam.Refused,
			retry: true,
		},
		{name: "500", spoil: func(b *bench) { b.mirror.Handle("*", mirror.Status(500, 0)) }, want: freshclam.Unreachable},
		{name: "body cut", spoil: func(b *bench) {
			b.Freshclam.WholeFiles = true
			b.mirror.Body("daily.cvd", mirror.Cut(b.mirror.Get("daily.cvd")))
		}, want: freshclam.Unreachable},
		{name: "garbage with a good header", spoil: func(b *bench) {
			b.Freshclam.WholeFiles = true
			b.mirror.Put("daily.cvd", append(slices.Clone(b.mirror.Get("daily.cvd")[:512]), make([]byte, 4000)...))
		}, want: freshclam.Corrupt},
		{name: "next cdiff missing", spoil: func(b *bench) { b.mirror.Put("daily-2.cdiff", nil) }, want: freshclam.Behind},
		{name: "signed set that does not load", spoil: func(b *bench) {
			d := mirror.Set(3, built(3))[1]
			d.Extra = "Broken:0:*:zz"
			b.mirror.Offer(d)
		}, want: Unloadable},
		{name: "signed set that finds no canary", spoil: func(b *bench) {
			d := mirror.Set(3, built(3), "word")[1]
			d.WithoutEICAR = true
			b.mirror.Offer(d)
		}, want: Unloadable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.offer(1)
			b.run()
			one := b.current(1)
			b.offer(2)
			tt.spoil(b)
			s := b.run()
			if s.Outcome != tt.want || s.Detail == "" || s.Published || s.Retry.IsZero() == tt.retry {
				t.Errorf("status is %+v, want %s", s, tt.want)
			}
			if got := b.current(1); got != one || s.Current == nil || s.Current.Fingerprint != one.Fingerprint {
				t.Errorf("current became %+v, want the first generation", got)
			}
		})
	}
}

func TestCoolDown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.mirror.Handle("*", mirror.Status(429, 0))
	if s := b.run(); s.Outcome != freshclam.Refused || s.Retry.IsZero() || s.Current != nil {
		t.Errorf("status is %+v, want refused with a cool-down, and no current generation", s)
	}
	b.mirror.Handle("*", nil)
	b.mirror.Requests()
	s := b.run()
	if asked := b.mirror.Requests(); s.Outcome != freshclam.CoolingDown || s.Retry.IsZero() || len(asked) > 0 {
		t.Errorf("status is %+v, and the mirror was asked %v, want cooling-down, and no request", s, asked)
	}
	b.current(0)
}

func TestFirstRunNeedsMainAndDaily(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	main := b.mirror.Get("main.cvd")
	b.mirror.Put("main.cvd", nil)
	if s := b.run(); s.Outcome != Incomplete || s.Published {
		t.Errorf("status is %+v, want it incomplete", s)
	}
	b.current(0)
	b.mirror.Put("main.cvd", main)
	if s := b.run(); s.Outcome != freshclam.Updated {
		t.Errorf("status is %+v, want updated", s)
	}
	b.current(1)
}

// TestMissingIncrementalUpdate checks that a missing incremental update delays updates by a day at
// most.
func TestMissingIncrementalUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.mirror.Offer(mirror.Set(1, time.Now().Add(-25*time.Hour), "word")...)
	b.run()
	b.offer(2)
	b.mirror.Put("daily-2.cdiff", nil)
	if s := b.run(); s.Outcome != freshclam.Updated || !s.Published {
		t.Errorf("status is %+v, want updated and published", s)
	}
	b.current(2)
}

func TestOlderDatabase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Freshclam.WholeFiles = true
	b.offer(1)
	old := b.mirror.Get("daily.cvd")
	b.offer(2)
	b.run()
	b.offer(3)
	b.mirror.Body("daily.cvd", mirror.Bytes(old)) // as a cache would
	if s := b.run(); s.Outcome != freshclam.Older || s.Published {
		t.Errorf("status is %+v, want the older one thrown away", s)
	}
	b.current(2)
}

func TestPinnedStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	one := b.current(1)
	b.offer(2)
	b.run()
	if _, err := b.store.Pin(one.Fingerprint); err != nil {
		t.Fatal(err)
	}
	b.mirror.Requests()
	s := b.run()
	if asked := b.mirror.Requests(); s.Outcome != Pinned || s.AgeSeconds == 0 || len(asked) > 0 {
		t.Errorf("status is %+v, and the mirror was asked %v, want pinned with an age, and no request", s, asked)
	}
	b.current(1)
	if err := b.store.Unpin(); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.current(2)
}

// TestOneAtATime starts a run while another one waits for the mirror.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	b.mirror.Handle("daily.cvd", func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		mirror.Bytes(b.mirror.Get("daily.cvd"))(w, r)
	})
	done := make(chan error, 1)
	go func() {
		_, err := b.Run(context.Background())
		done <- err
	}()
	<-asked
	if s := b.run(); s.Outcome != Busy {
		t.Errorf("status is %+v, want busy", s)
	}
	b.mirror.Handle("daily.cvd", nil)
	close(answer)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := b.run(); s.Outcome == Busy {
		t.Error("the run after it is busy, want the lock released")
	}
}

func TestSweepWorkFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.Work = t.TempDir()
	for name, age := range map[string]time.Duration{"old": 73 * time.Hour, "young": 71 * time.Hour} {
		path := filepath.Join(b.Work, name)
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.run(); s.Swept != 1 || len(s.Warnings) > 0 {
		t.Errorf("status is %+v, want one file removed, and no warnings", s)
	}
	if _, err := os.Stat(filepath.Join(b.Work, "young")); err != nil {
		t.Error(err)
	}
}

func TestEndsWithTheContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	ctx, cancel := context.WithCancel(t.Context())
	b.mirror.Handle("*", func(http.ResponseWriter, *http.Request) { cancel() })
	if _, err := b.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want the context's error", err)
	}
	b.mirror.Handle("*", nil)
	if s := b.run(); !s.Published {
		t.Errorf("status of the next run is %+v, want it published", s)
	}
}

// hold sends to asked when it is called, and answers after a value from answer.
func hold(asked chan<- struct{}, answer <-chan struct{}) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-answer
	}
}
