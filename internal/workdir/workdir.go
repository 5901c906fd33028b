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
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
)

// legal is the form of an execution name, and of one with the number of a
// fetch behind it; see Name.
var legal = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}(\.[2-9])?$`)

// Name is the name of the work file that the nth fetch of a job makes, where
// the first is 1. A refetch takes a new one: an environment of scan that found
// no file of the old name may go on finding none, because NFS keeps what it
// looked up for up to a minute, longer than the state machine waits.
func Name(execution string, n int) string {
	if n <= 1 {
		return execution
	}
	return execution + "." + strconv.Itoa(n)
}

// Dir is a folder of work files. Everything happens below it, also when
// something on the volume is a symbolic link.
type Dir struct {
	path string
	mu   sync.Mutex
	root *os.Root // nil until the folder is there
}

// errNoFolder says that the work folder is missing and that this function may not
// make it.
var errNoFolder = errors.New("no work folder")

// Open returns the folder at path, creating it where it is missing and the
// process may: fetch may, scan may not (infra/network.yaml). Who may not looks for
// it again whenever it is needed; on the volume of an older layout freshclam's
// next run makes it, see Prepare.
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
	err := d.make()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		// On a new volume no definitions either: the same run of freshclam brings both.
		return nil, fmt.Errorf("%w: create the work folder, which freshclam's next run makes: %w: %w", job.ErrDefinitionsNotReady, errNoFolder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("create the work folder: %w", missing(err))
	}
	if d.root, err = os.OpenRoot(d.path); err != nil {
		return nil, fmt.Errorf("open the work folder: %w", missing(err))
	}
	return d.root, nil
}

// make creates the folder where it is missing, open to its group whatever the
// umask says, so that freshclam may sweep it. An empty folder in which this
// function may not write, which somebody else made by hand, gives way to it.
func (d *Dir) make() error {
	err := unix.Access(d.path, unix.W_OK|unix.X_OK)
	switch {
	case errors.Is(err, unix.EACCES):
		if os.Remove(d.path) != nil {
			return nil // opening it says why it is of no use
		}
	case !errors.Is(err, unix.ENOENT):
		// Who made it may have been killed before it was open to the group. Where it is
		// somebody else's, that is not ours to mend.
		if info, err := os.Stat(d.path); err == nil && info.IsDir() && info.Mode().Perm()&0o070 != 0o070 {
			_ = os.Chmod(d.path, 0o770)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil {
		return err
	}
	err = os.Mkdir(d.path, 0o770)
	if errors.Is(err, fs.ErrExist) {
		return nil // another environment was faster, and opens it to the group
	}
	if err == nil {
		err = os.Chmod(d.path, 0o770)
	}
	return err
}

// in calls do with the folder in which the work file of that name is, and once
// more where the folder turns out to have been removed or replaced since it was
// opened: an environment lives for hours, and must not outlive its folder.
func (d *Dir) in(name string, do func(root *os.Root) error) error {
	if err := check(name); err != nil {
		return err
	}
	root, err := d.open()
	if err != nil {
		return err
	}
	err = do(root)
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESTALE) || d.current(root) {
		return err
	}
	d.forget(root)
	if root, err = d.open(); err != nil {
		return err
	}
	return do(root)
}

func check(name string) error {
	if !legal.MatchString(name) {
		return fmt.Errorf("%w: %q is no name of a work file", job.ErrBadJob, name)
	}
	return nil
}

// current reports whether root is the folder that is at the path now.
func (d *Dir) current(root *os.Root) bool {
	opened, err := root.Stat(".")
	if err != nil {
		return false
	}
	there, err := os.Stat(d.path)
	return err == nil && os.SameFile(opened, there)
}

// follow forgets a folder that was moved elsewhere: all that is done in it would
// succeed, and nobody who opens the folder at the path later would see it.
func (d *Dir) follow() {
	d.mu.Lock()
	root := d.root
	d.mu.Unlock()
	if root != nil && !d.current(root) {
		d.forget(root)
	}
}

// forget drops root. It is not closed: another scan may be using it, and the
// garbage collector closes it.
func (d *Dir) forget(root *os.Root) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == root {
		d.root = nil
	}
}

// Create opens an empty file to become the work file with Publish. Until then
// it has another name, and never is it one that exists: an invocation of fetch
// that the state machine gave up may still run, and must not change a file
// while it is scanned. That would be whole again when it is verified.
func (d *Dir) Create(name string) (f *os.File, err error) {
	d.follow()
	err = d.in(name, func(root *os.Root) error {
		if err := root.Remove(part(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an unfinished work file %s: %w", name, err)
		}
		f, err = root.OpenFile(part(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o660)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: %w", job.ErrTransient, err)
		}
		if err != nil {
			return fmt.Errorf("create work file %s: %w", name, err)
		}
		return nil
	})
	return f, missing(err)
}

// Publish closes f, which Create made, and gives it its name in place of what
// an earlier attempt of the same execution left. On a network file system,
// close is where a write may fail. The error is a job.ErrTransient where
// another fetch of the same execution has begun meanwhile, or the folder was
// removed.
func (d *Dir) Publish(name string, f *os.File) error {
	if err := check(name); err != nil {
		return err
	}
	mine, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("close work file %s: %w", name, missing(err))
	}
	return missing(d.in(name, func(root *os.Root) error {
		there, err := root.Lstat(part(name))
		if err == nil && !os.SameFile(mine, there) {
			return fmt.Errorf("%w: another fetch took the place of work file %s", job.ErrTransient, name)
		}
		if err == nil {
			err = root.Rename(part(name), name)
		}
		if err != nil {
			return fmt.Errorf("publish work file %s: %w", name, err)
		}
		return nil
	}))
}

// Read opens a work file read-only. A missing one is ErrWorkFileGone.
func (d *Dir) Read(name string) (f *os.File, err error) {
	err = d.in(name, func(root *os.Root) error {
		if f, err = root.Open(name); err != nil {
			return fmt.Errorf("open work file %s: %w", name, err)
		}
		return nil
	})
	return f, classify(err)
}

// Remove removes a work file, finished or not, and the marks of its scans. A
// file that is not there is no error: a repeated scan finds none.
func (d *Dir) Remove(name string) error {
	return missing(d.in(name, func(root *os.Root) error {
		for _, n := range []string{name, part(name), mark(name, 1), mark(name, 2)} {
			if err := root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove work file %s: %w", n, err)
			}
		}
		return nil
	}))
}

// part is a work file's name while it is written.
func part(name string) string { return name + ".part" }

// classify gives an error of a scan's access to the volume the meaning it has
// for the state machine: a missing file was swept, and is fetched again.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && job.Name(err) == job.Unnamed:
		return fmt.Errorf("%w: %w", job.ErrWorkFileGone, err)
	case errors.Is(err, errNoFolder):
		return fmt.Errorf("%w: %v", job.ErrWorkFileGone, err) //nolint:errorlint // fetch, which makes the folder, is not to be waited for
	}
	return missing(err)
}

// missing is classify for who writes: what is missing there is the folder, or
// was removed with it, and the next attempt makes it again.
func missing(err error) error {
	switch {
	case err == nil || job.Name(err) != job.Unnamed:
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", job.ErrTransient, err)
	}
	return Transient(err)
}

// passing are the errors of a volume that pass: it is full, or its quota is; the
// NFS server does not answer, has restarted, or has no lock to give (EFS grants 512 a
// file and 8,192 a mount).
var passing = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.ENOLCK, syscall.EREMOTEIO,
}

// Transient marks errors of the volume that pass as a job.ErrTransient. Others
// are returned as they are.
func Transient(err error) error {
	for _, e := range passing {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", job.ErrTransient, err)
		}
	}
	return err
}
