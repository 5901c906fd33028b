package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two stacks never use one folder, and a stack starts without temporary files of the one before.
func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir+": another stack is using it") {
		t.Errorf("second stack: got error %v, want that another stack uses the folder", err)
	}
	leftover := filepath.Join(first.Temp(), "leftover")
	if err := errors.Join(os.Mkdir(leftover, 0o700), first.Close()); err != nil {
		t.Fatal(err)
	}
	third, err := Open(dir)
	if err != nil {
		t.Fatalf("after the first stack has ended: %v", err)
	}
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary files of the first stack: got error %v, want none to exist", err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenTemporary(t *testing.T) {
	t.Parallel()
	folder, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder after Close: got error %v, want that it does not exist", err)
	}
}
