package clamav

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// TestMain makes the test binary a clamd that misbehaves, if it is called by a name that says how; see
// fake_test.go.
func TestMain(m *testing.M) {
	if how, ok := strings.CutPrefix(filepath.Base(os.Args[0]), fakeName); ok {
		beFake(how)
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// testSet returns definitions for EICAR in a new folder, with more signatures if given.
func testSet(t testing.TB, extra ...string) definitions.Generation {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	if err := definitions.WriteTest(dir); err != nil {
		t.Fatal(err)
	}
	if len(extra) > 0 {
		if err := os.WriteFile(filepath.Join(dir, "extra.ndb"), []byte(strings.Join(extra, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g, err := definitions.Inspect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// within returns a context with its own deadline, for a test that waits for an engine.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// engine returns an engine that has loaded the test definitions: the real clamd if
// cfg names none.
func engine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	if cfg.Clamd == "" {
		cfg.Clamd = need.Clamd(t)
	}
	if cfg.RunDir == "" {
		cfg.RunDir = t.TempDir()
	}
	e, err := Start(cfg, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	return e
}

// onDisk returns an open file with this content.
func onDisk(t testing.TB, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "object")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return opened(t, path)
}

func opened(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// scanned scans f and fails the test after an error.
func scanned(t testing.TB, e *Engine, f *os.File) Finding {
	t.Helper()
	got, err := e.Scan(within(t, 10*time.Minute), f) // it takes seconds, and longer on a busy machine
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// noVerdict fails the test unless there is an ErrEngine and no finding.
func noVerdict(t testing.TB, got Finding, err error) {
	t.Helper()
	if !errors.Is(err, ErrEngine) || got != (Finding{}) {
		t.Errorf("Scan() = %+v, %v, want no finding and ErrEngine", got, err)
	}
}
