package need_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
)

// recorder is a test that only records how it was ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

type ended struct{}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.skipped = fmt.Sprint(args...)
	panic(ended{})
}

func (r *recorder) Skipf(format string, args ...any) { r.Skip(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatal(args ...any) {
	r.failed = fmt.Sprint(args...)
	panic(ended{})
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// outcome returns how call ended the test: both texts are empty if it did not.
func outcome(call func(testing.TB)) (skipped, failed string) {
	r := &recorder{}
	defer func() {
		skipped, failed = r.skipped, r.failed
		if cause := recover(); cause != nil && cause != any(ended{}) {
			panic(cause)
		}
	}()
	call(r)
	return r.skipped, r.failed
}

// TestOwnMachine is not parallel, because it changes the flag -short.
func TestOwnMachine(t *testing.T) {
	short := flag.Lookup("test.short")
	was := short.Value.String()
	t.Cleanup(func() { _ = short.Value.Set(was) })
	for value, want := range map[string]bool{"true": true, "false": false} {
		if err := short.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		skipped, failed := outcome(need.OwnMachine)
		if (skipped != "") != want || failed != "" {
			t.Errorf("with -short=%s: skipped %q, failed %q, want skipped: %t", value, skipped, failed, want)
		}
	}
}

func needs() map[string]func(testing.TB) {
	return map[string]func(testing.TB){
		"the built programs": func(t testing.TB) { need.Programs(t) },
		"the AWS CLI":        func(t testing.TB) { need.AWSCLI(t) },
		// The usual paths of these are on many machines: they are tried in TestMissing only where they are not.
		"clamd":     func(t testing.TB) { need.Clamd(t) },
		"freshclam": func(t testing.TB) { need.Freshclam(t) },
		"sigtool":   func(t testing.TB) { need.Sigtool(t) },
	}
}

func TestSkippedWithoutTheVariable(t *testing.T) {
	t.Setenv("LAZARET_TESTS", "")
	if need.All() {
		t.Error("All() = true without LAZARET_TESTS, want false")
	}
	for what, call := range needs() {
		skipped, failed := outcome(call)
		if !strings.Contains(skipped, what) || !strings.Contains(skipped, "make test") || failed != "" {
			t.Errorf("%s: skipped with %q, failed with %q; want a skip that names it and make test", what, skipped, failed)
		}
	}
}

// TestMissing removes what a test needs. Programs at their usual paths cannot be
// removed here, and are found.
func TestMissing(t *testing.T) {
	t.Setenv("LAZARET_TESTS", "all")
	t.Setenv("PATH", t.TempDir())
	root := t.TempDir()
	t.Chdir(root)
	if err := os.MkdirAll(filepath.Join(root, "functions", "scan"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"template.yaml", "functions/scan/main.go"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	usual := map[string]string{
		"clamd": "/usr/sbin/clamd", "freshclam": "/usr/bin/freshclam", "sigtool": "/usr/bin/sigtool",
	}
	for what, call := range needs() {
		skipped, failed := outcome(call)
		if _, err := os.Stat(usual[what]); err == nil {
			if skipped != "" || failed != "" {
				t.Errorf("%s: skipped with %q, failed with %q; want it found", what, skipped, failed)
			}
		} else if !strings.Contains(failed, "run make ") || skipped != "" {
			t.Errorf("%s: skipped with %q, failed with %q; want a failure that says what to run", what, skipped, failed)
		}
	}
	for _, path := range []string{"bin/lazaret", "build/scan/bootstrap"} {
		if _, failed := outcome(needs()["the built programs"]); !strings.Contains(failed, path) {
			t.Errorf("Programs() failed with %q, want that %s is missing", failed, path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("below", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir("below")
	if got := need.Programs(t); got != root {
		t.Errorf("Programs() = %q, want %q", got, root)
	}
}

// TestAllowed fails in CI alone, and only where something is forbidden.
func TestAllowed(t *testing.T) {
	for _, test := range []struct {
		ci              string
		err             error
		skipped, failed bool
	}{
		{ci: "true"},
		{ci: ""},
		{ci: "true", err: os.ErrPermission, failed: true},
		{ci: "", err: os.ErrPermission, skipped: true},
	} {
		t.Setenv("CI", test.ci)
		skipped, failed := outcome(func(t testing.TB) { need.Allowed(t, "namespaces", test.err) })
		if (skipped != "") != test.skipped || (failed != "") != test.failed {
			t.Errorf("Allowed(%v) with CI=%q skipped with %q, failed with %q", test.err, test.ci, skipped, failed)
		}
		if got := skipped + failed; test.err != nil && !strings.Contains(got, "forbids namespaces") {
			t.Errorf("Allowed(%v) said %q, want that the machine forbids namespaces", test.err, got)
		}
	}
}

func TestRoot(t *testing.T) {
	t.Parallel()
	skipped, failed := outcome(need.Root)
	if want := os.Geteuid() != 0; strings.Contains(skipped, "needs root") != want || failed != "" {
		t.Errorf("Root() as user %d skipped with %q, failed with %q", os.Geteuid(), skipped, failed)
	}
}
