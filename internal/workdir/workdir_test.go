package workdir_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
)

func open(t *testing.T) (*workdir.Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "work")
	d, err := workdir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

func TestWorkFile(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	if _, err := d.Read("a-1"); !errors.Is(err, job.ErrWorkFileGone) {
		t.Errorf("Read of a missing file = %v, want ErrWorkFileGone", err)
	}
	for _, content := range []string{"a longer first attempt", "second"} {
		f, err := d.Create("a-1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil {
			t.Fatal(err)
		}
		if err := d.Publish("a-1", f); err != nil {
			t.Fatal(err)
		}
	}
	f, err := d.Read("a-1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, _ := io.ReadAll(f); string(got) != "second" {
		t.Errorf("work file holds %q, want second", got)
	}
	if _, err := d.Mark("a-1", f); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second call finds nothing, which is no error
		if err := d.Remove("a-1"); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("files left: %v, want none", left)
	}
}

// TestLateFetch checks that an invocation of fetch which the state machine has given up does not
// change the file that the next one wrote and scan reads.
func TestLateFetch(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	fetch := func(content string) *os.File {
		f, err := d.Create("a-1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil {
			t.Fatal(err)
		}
		return f
	}
	slow := fetch("ha")
	if _, err := d.Read("a-1"); !errors.Is(err, job.ErrWorkFileGone) {
		t.Errorf("Read of an unfinished file = %v, want ErrWorkFileGone", err)
	}
	if err := d.Publish("a-1", fetch("whole")); err != nil {
		t.Fatal(err)
	}
	if err := d.Publish("a-1", slow); !errors.Is(err, job.ErrTransient) {
		t.Errorf("Publish of an overtaken file = %v, want ErrTransient", err)
	}
	scanned, err := d.Read("a-1")
	if err != nil {
		t.Fatal(err)
	}
	defer scanned.Close()
	late := fetch("ha")
	if info, err := scanned.Stat(); err != nil || info.Size() != 5 {
		t.Errorf("the file under scan has %d bytes after a late fetch began, want 5 (%v)", info.Size(), err)
	}
	if err := d.Publish("a-1", late); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(scanned); string(got) != "whole" {
		t.Errorf("the file under scan holds %q, want the bytes that were there", got)
	}
	fetch("x").Close()
	if err := d.Remove("a-1"); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("files left: %v, want none", left)
	}
}

func TestNamesNeverLeaveTheFolder(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	outside := filepath.Join(filepath.Dir(path), "outside")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"", ".", "..", "../outside", "a/b", "/etc/passwd", "a\x00", "a.scan1", "a.express-../../outside0",
		"a.express-0123456789abcdef.scan1", string(make([]byte, 81)),
	} {
		if _, err := d.Read(name); !errors.Is(err, job.ErrBadJob) {
			t.Errorf("Read(%q) = %v, want ErrBadJob", name, err)
		}
		if _, err := d.Create(name); !errors.Is(err, job.ErrBadJob) {
			t.Errorf("Create(%q) = %v, want ErrBadJob", name, err)
		}
		if err := d.Remove(name); !errors.Is(err, job.ErrBadJob) {
			t.Errorf("Remove(%q) = %v, want ErrBadJob", name, err)
		}
	}
	if _, err := d.Read("link"); err == nil {
		t.Error("Read of a link out of the folder: got no error, want one")
	}
}

func TestTransient(t *testing.T) {
	t.Parallel()
	if err := workdir.Transient(fmt.Errorf("lock: %w", syscall.ENOLCK)); !errors.Is(err, job.ErrTransient) {
		t.Errorf("no lock to be had is %v, want ErrTransient", err)
	}
	if err := workdir.Transient(fmt.Errorf("write: %w", syscall.ENOSPC)); !errors.Is(err, job.ErrTransient) {
		t.Errorf("a full volume is %v, want ErrTransient", err)
	}
	if err := workdir.Transient(syscall.EINVAL); errors.Is(err, job.ErrTransient) {
		t.Error("Transient(EINVAL) is an ErrTransient, want it unchanged")
	}
}

// TestName checks that each fetch has a new name, which is valid for the longest execution too.
func TestName(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	seen := map[string]bool{}
	for n := range 3 {
		name := workdir.Name(strings.Repeat("x", 80), n+1)
		if seen[name] {
			t.Errorf("fetch %d: Name() = %s, want a new name", n+1, name)
		}
		seen[name] = true
		publish(t, d, name)
	}
}
