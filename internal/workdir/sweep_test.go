package workdir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		"old-1": 80 * time.Hour, "old-1.scan1": 79 * time.Hour, "young-1": 71 * time.Hour, "young-1.scan1": time.Minute,
	} {
		file := filepath.Join(path, name)
		err := os.WriteFile(file, []byte("x"), 0o600)
		if err = errors.Join(err, os.Chtimes(file, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := Sweep(path, now.Add(-72*time.Hour)); n != 2 || err != nil {
		t.Errorf("Sweep() = %d, %v, want 2 removed", n, err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"young-1", "young-1.scan1"}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}

// TestSweepStaysInItsFolder has links as an attacker could create them.
func TestSweepStaysInItsFolder(t *testing.T) {
	t.Parallel()
	path, outside := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	err := errors.Join(os.WriteFile(outside, []byte("x"), 0o600), os.Symlink(outside, filepath.Join(path, "link")),
		os.Mkdir(filepath.Join(path, "folder"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Sweep(path, time.Now().Add(time.Hour))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "link is not a file") ||
		!strings.Contains(err.Error(), "folder is not a file") {
		t.Errorf("Sweep() = %d, %v, want complaints about link and folder", n, err)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("the file outside: %v, want it kept", err)
	}
}

func TestSweepDoesNotCreateTheFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "work")
	if n, err := Sweep(path, time.Now()); n != 0 || err != nil {
		t.Errorf("Sweep() = %d, %v, want 0 and no error", n, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat(%s) = %v, want that it is not there", path, err)
	}
}
