package workdir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// removals are ways to remove or replace a work folder that an environment has open.
var removals = map[string]func(path string) error{
	"removed":          os.RemoveAll,
	"removed and made": func(path string) error { return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o770)) },
	"moved away":       func(path string) error { return os.Rename(path, path+".old") },
	"removed with the folder above": func(path string) error {
		return os.RemoveAll(filepath.Dir(path))
	},
}

// TestFolderRemoved checks that the next work file is written and read in whatever folder is at the
// path, by a fetch and a scan that have the old folder open.
func TestFolderRemoved(t *testing.T) {
	t.Parallel()
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fetch, scan, path := pair(t)
			for _, when := range []string{"before a work file", "after one", "again"} {
				if err := remove(path); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.RemoveAll(path+".old"), cycle(fetch, scan)); err != nil {
					t.Errorf("%s: %v, want no error", when, err)
				}
			}
		})
	}
}

// pair returns the folder as two environments open it.
func pair(t *testing.T) (fetch, scan *Dir, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "volume", "work")
	fetch, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if scan, err = Open(path); err != nil {
		t.Fatal(err)
	}
	return fetch, scan, path
}

func put(d *Dir, name string) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, "content"); err != nil {
		return err
	}
	return d.Publish(name, f)
}

// cycle creates, scans and removes a work file.
func cycle(fetch, scan *Dir) error {
	if err := put(fetch, "a-1"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(fetch.path, "a-1")); err != nil {
		return fmt.Errorf("published, and not at the path: %w", err)
	}
	f, err := scan.Read("a-1")
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := scan.Mark("a-1", f)
	if err != nil {
		return err
	}
	if m.Unfinished != 0 {
		return fmt.Errorf("%d unfinished scans", m.Unfinished)
	}
	return errors.Join(m.Release(), scan.Remove("a-1"))
}

// TestFolderRemovedUnderWay removes the folder between any two calls of fetch and of scan. Errors of
// fetch must be ErrTransient, and errors of scan must lead to another fetch.
func TestFolderRemovedUnderWay(t *testing.T) {
	t.Parallel()
	for name, remove := range removals {
		if name == "moved away" {
			continue // its open files can still be read and written
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fetch, scan, path := pair(t)
			f, err := fetch.Create("a-1")
			if err != nil {
				t.Fatal(err)
			}
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte("content"), 0); err != nil {
				t.Error(err)
			}
			if err := fetch.Publish("a-1", f); job.Name(err) != "Transient" {
				t.Errorf("Publish() = %v, want a job.ErrTransient", err)
			}
			if err := fetch.Remove("a-1"); err != nil {
				t.Errorf("Remove() after that = %v, want no error", err)
			}

			if err := errors.Join(os.RemoveAll(path+".old"), put(fetch, "a-1"), remove(path)); err != nil {
				t.Fatal(err)
			}
			if _, err := scan.Read("a-1"); job.Name(err) != "WorkFileGone" {
				t.Errorf("Read() = %v, want a job.ErrWorkFileGone", err)
			}

			if err := errors.Join(os.RemoveAll(path+".old"), put(fetch, "a-1")); err != nil {
				t.Fatal(err)
			}
			f, err = scan.Read("a-1")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			if _, err := scan.Mark("a-1", f); job.Name(err) != "WorkFileGone" {
				t.Errorf("Mark() = %v, want a job.ErrWorkFileGone", err)
			}

			if err := errors.Join(os.RemoveAll(path+".old"), put(fetch, "a-1")); err != nil {
				t.Fatal(err)
			}
			g, err := scan.Read("a-1")
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			m, err := scan.Mark("a-1", g)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(remove(path), m.Release(), scan.Remove("a-1")); err != nil {
				t.Errorf("the end of a scan: %v, want no error", err)
			}
		})
	}
}

// TestStaleHandle has an NFS server that was replaced and answers ESTALE for an open folder. The
// folder is opened again, unless it is still the one at the path.
func TestStaleHandle(t *testing.T) {
	t.Parallel()
	stale := fmt.Errorf("open: %w", syscall.ESTALE)
	for _, replaced := range []bool{true, false} {
		d, _, path := pair(t)
		if replaced {
			if err := removals["removed and made"](path); err != nil {
				t.Fatal(err)
			}
		}
		calls := 0
		err := d.inFolder("a-1", func(*os.Root) error {
			if calls++; calls == 1 {
				return stale
			}
			return nil
		})
		if want := map[bool]int{true: 2, false: 1}[replaced]; calls != want || (err == nil) != replaced {
			t.Errorf("replaced %v: %d calls, %v, want %d", replaced, calls, err, want)
		}
	}
	for _, errno := range []syscall.Errno{syscall.ESTALE, syscall.ENOLCK, syscall.EIO, syscall.ENOSPC} {
		if err := classifyRead(fmt.Errorf("lock: %w", errno)); job.Name(err) != "Transient" {
			t.Errorf("%v is %s, want Transient", errno, job.Name(err))
		}
	}
}
