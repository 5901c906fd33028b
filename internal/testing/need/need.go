// Package need says what a test may need besides Go. A plain `go test ./...` skips
// every test that needs more, whatever is installed. With LAZARET_TESTS=all, which
// `make test` and CI set, those tests run, and fail where something is missing.
// With Go's flag -short, as in `make check`, tests with a machine of their own are
// left out (docs/adr/0033-what-make-check-runs.md).
package need

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// All reports whether LAZARET_TESTS=all is set: tests that need more than Go run.
func All() bool { return os.Getenv("LAZARET_TESTS") == "all" }

// Clamd returns the path of clamd.
func Clamd(t testing.TB) string {
	t.Helper()
	return program(t, "clamd", "/usr/sbin/clamd")
}

// Freshclam returns the path of freshclam.
func Freshclam(t testing.TB) string {
	t.Helper()
	return program(t, "freshclam", "/usr/bin/freshclam")
}

// Sigtool returns the path of sigtool, which comes with freshclam.
func Sigtool(t testing.TB) string {
	t.Helper()
	return program(t, "sigtool", "/usr/bin/sigtool")
}

// program returns the usual path if there is a file, as the deployed functions do,
// and otherwise what PATH has.
func program(t testing.TB, name, usual string) string {
	t.Helper()
	skipUnlessAll(t, name)
	if _, err := os.Stat(usual); err == nil {
		return usual
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed (%s, PATH): run make clamav", name, usual)
	}
	return path
}

// AWSCLI returns the path of the AWS CLI that `make awscli` installs.
func AWSCLI(t testing.TB) string {
	t.Helper()
	skipUnlessAll(t, "the AWS CLI")
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, ".tools", "awscli", "bin", "aws")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the AWS CLI is not installed (%v): run make awscli", err)
	}
	return path
}

// Allowed skips the test where the kernel of a developer's machine forbids what it
// does. CI's machine has to allow it: there the test fails.
func Allowed(t testing.TB, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("this machine forbids %s: %v", what, err)
	default:
		t.Skipf("this machine forbids %s, which CI's allows: %v", what, err)
	}
}

// Programs returns the repository's root, in which bin/lazaret and
// build/<function>/bootstrap are built.
func Programs(t testing.TB) string {
	t.Helper()
	skipUnlessAll(t, "the built programs")
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions/*/main.go in %s (%v)", root, err)
	}
	programs := []string{filepath.Join(root, "bin", "lazaret")}
	for _, path := range mains {
		function := filepath.Base(filepath.Dir(path))
		programs = append(programs, filepath.Join(root, "build", function, "bootstrap"))
	}
	for _, path := range programs {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is not built (%v): run make build", path, err)
		}
	}
	return root
}

// repository returns the first folder above the test's that has a template.yaml.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "template.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no folder above the test has a template.yaml")
		}
		dir = filepath.Dir(dir)
	}
}

// OwnMachine skips the test with the flag -short. It is called by tests that start a
// local stack for themselves, or several.
func OwnMachine(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a machine of its own: run make test")
	}
}

// Root skips the test unless it runs as root, even with LAZARET_TESTS=all: CI runs
// tests as an ordinary user first, then as root, and searches that output for the
// words "needs root".
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: .ci/run runs it as root")
	}
}

func skipUnlessAll(t testing.TB, what string) {
	t.Helper()
	if !All() {
		t.Skipf("needs %s: run make test, or set LAZARET_TESTS=all", what)
	}
}
