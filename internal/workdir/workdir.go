// Package workdir keeps work files on the shared volume: fetch creates them,
// scan opens and removes them. Their names are execution names, never anything
// that an uploader chose, and every name is checked before it becomes a path,
// since it travels through the state machine's input.
package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sync"
	"syscall"

	"github.com/lazaret/lazaret/internal/job"
)

// legal is the form of an execution name; see job.Job.ExecutionName.
var legal = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

// Dir is a folder of work files. Everything happens below it, also when
// something on the volume is a symbolic link.
type Dir struct {
	path string
	mu   sync.Mutex
	root *os.Root // nil until the folder is there
}

// Open returns the folder at path, creating it where it is missing and the
// process may. Where it may not, as on a new volume, whose folders are
// freshclam's to make (see Prepare), the folder is looked for again whenever
// it is needed.
func Open(path string) (*Dir, error) {
	d := &Dir{path: path}
	if _, err := d.open(); err != nil && !errors.Is(err, job.ErrDefinitionsNotReady) {
		return nil, err
	}
	return d, nil
}

func (d *Dir) open() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root != nil {
		return d.root, nil
	}
	err := os.MkdirAll(d.path, 0o770)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		// No definitions either then: the same run of freshclam brings both.
		return nil, fmt.Errorf("%w: create the work folder, which freshclam's first run makes: %w", job.ErrDefinitionsNotReady, err)
	}
	if err != nil {
		return nil, fmt.Errorf("create the work folder: %w", classify(err))
	}
	if d.root, err = os.OpenRoot(d.path); err != nil {
		return nil, fmt.Errorf("open the work folder: %w", classify(err))
	}
	return d.root, nil
}

// at checks a work file's name and returns the folder that it is in.
func (d *Dir) at(name string) (*os.Root, error) {
	if !legal.MatchString(name) {
		return nil, fmt.Errorf("%w: %q is no name of a work file", job.ErrBadJob, name)
	}
	return d.open()
}

// Create opens an empty file to become the work file with Publish. Until then
// it has another name, and never is it one that exists: an invocation of fetch
// that the state machine gave up may still run, and must not change a file
// while it is scanned. That would be whole again when it is verified.
func (d *Dir) Create(name string) (*os.File, error) {
	root, err := d.at(name)
	if err != nil {
		return nil, err
	}
	if err := root.Remove(part(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove an unfinished work file %s: %w", name, classify(err))
	}
	f, err := root.OpenFile(part(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o660)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: create work file %s: %w", job.ErrTransient, name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("create work file %s: %w", name, classify(err))
	}
	return f, nil
}

// Publish closes f, which Create made, and gives it its name in place of what
// an earlier attempt of the same execution left. On a network file system,
// close is where a write may fail. The error is a job.ErrTransient where
// another fetch of the same execution has begun meanwhile.
func (d *Dir) Publish(name string, f *os.File) error {
	root, err := d.at(name)
	if err != nil {
		return err
	}
	mine, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("close work file %s: %w", name, Transient(err))
	}
	there, err := root.Lstat(part(name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, there) {
		return fmt.Errorf("%w: another fetch took the place of work file %s", job.ErrTransient, name)
	}
	if err == nil {
		err = root.Rename(part(name), name)
	}
	if err != nil {
		return fmt.Errorf("publish work file %s: %w", name, Transient(err))
	}
	return nil
}

// Read opens a work file read-only. A missing one is ErrWorkFileGone.
func (d *Dir) Read(name string) (*os.File, error) {
	root, err := d.at(name)
	if err != nil {
		return nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open work file %s: %w", name, classify(err))
	}
	return f, nil
}

// Remove removes a work file, finished or not, and the marks of its scans. A file that is not
// there is no error: a repeated scan finds none.
func (d *Dir) Remove(name string) error {
	root, err := d.at(name)
	if err != nil {
		return err
	}
	for _, n := range []string{name, part(name), mark(name, 1), mark(name, 2)} {
		if err := root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove work file %s: %w", n, classify(err))
		}
	}
	return nil
}

// part is a work file's name while it is written.
func part(name string) string { return name + ".part" }

// classify gives an error of the volume the meaning it has for the state
// machine. A full or broken volume passes; a missing file was swept.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", job.ErrWorkFileGone, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	}
	return Transient(err)
}

// Transient marks errors of the volume that pass: a full disk, a full quota, an
// NFS server that did not answer, or has no lock to give (ENOLCK: EFS grants 512 a
// file and 8,192 a mount). Others are returned as they are.
func Transient(err error) error {
	for _, passing := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ENOLCK, syscall.ESTALE, syscall.ETIMEDOUT} {
		if errors.Is(err, passing) {
			return fmt.Errorf("%w: %w", job.ErrTransient, err)
		}
	}
	return err
}
