// Package workdir keeps work files on the shared volume: fetch creates them, scan opens and removes
// them, and freshclam removes old ones. The name of a work file (job.Job.WorkName) is the name of an
// execution and its lane, which no uploader chooses. It travels through the input of the state machine,
// so that it is checked before it becomes a path.
package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"

	"github.com/lazaret/lazaret/internal/job"
)

// validName matches the name of an execution, with or without its lane and the number of a fetch; see
// Name.
var validName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}(\.express-[0-9a-f]{16})?(\.[2-9])?$`)

// Name returns the name of the work file that fetch number n of a job makes, from 1; first is the job's
// WorkName. Each fetch uses a new name: an environment of scan that did not find a file may not find a
// new file of the same name for up to a minute, because NFS caches the failed lookup. The state machine
// does not wait that long.
func Name(first string, n int) string {
	if n <= 1 {
		return first
	}
	return first + "." + strconv.Itoa(n)
}

func checkName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%w: %q is not a name of a work file", job.ErrBadJob, name)
	}
	return nil
}

// Create opens an empty file, which becomes the work file with Publish. Until then it has another
// name, so that it never changes a work file while that is scanned: an invocation of fetch that the
// state machine has given up may still run.
func (d *Dir) Create(name string) (f *os.File, err error) {
	d.forgetIfMoved()
	err = d.inFolder(name, func(root *os.Root) error {
		if err := root.Remove(partName(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the unfinished work file %s: %w", name, err)
		}
		f, err = root.OpenFile(partName(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o660)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: %w", job.ErrTransient, err)
		}
		if err != nil {
			return fmt.Errorf("create work file %s: %w", name, err)
		}
		return nil
	})
	return f, classifyWrite(err)
}

// Publish closes f, which Create returned, and gives it the name of the work file. A file of that
// name, which an earlier attempt of the same execution left, is replaced. On a network file system a
// write may fail only at close. The error is a job.ErrTransient if another fetch of the same execution
// has begun meanwhile, or the folder was removed.
func (d *Dir) Publish(name string, f *os.File) error {
	if err := checkName(name); err != nil {
		return err
	}
	written, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("close work file %s: %w", name, classifyWrite(err))
	}
	return classifyWrite(d.inFolder(name, func(root *os.Root) error {
		named, err := root.Lstat(partName(name))
		if err == nil && !os.SameFile(written, named) {
			return fmt.Errorf("%w: another fetch has replaced the unfinished work file %s", job.ErrTransient, name)
		}
		if err == nil {
			err = root.Rename(partName(name), name)
		}
		if err != nil {
			return fmt.Errorf("publish work file %s: %w", name, err)
		}
		return nil
	}))
}

// Read opens a work file read-only. The error is a job.ErrWorkFileGone if it does not exist.
func (d *Dir) Read(name string) (f *os.File, err error) {
	err = d.inFolder(name, func(root *os.Root) error {
		if f, err = root.Open(name); err != nil {
			return fmt.Errorf("open work file %s: %w", name, err)
		}
		return nil
	})
	return f, classifyRead(err)
}

// Remove removes a work file, finished or not, and its marks. It is no error if there is none: a
// repeated scan finds none.
func (d *Dir) Remove(name string) error {
	return d.remove(name, name, partName(name), markName(name, 1), markName(name, 2))
}

// RemoveScanned removes a work file of which Marks has told the number of marks. It asks the volume for
// no other name: each that does not exist takes a request, and a work file that scan has found is
// finished.
func (d *Dir) RemoveScanned(name string, marks int) error {
	if marks == 0 {
		return d.remove(name, name)
	}
	return d.remove(name, name, markName(name, 1), markName(name, 2))
}

func (d *Dir) remove(name string, files ...string) error {
	return classifyWrite(d.inFolder(name, func(root *os.Root) error {
		for _, n := range files {
			if err := root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove work file %s: %w", n, err)
			}
		}
		return nil
	}))
}

// partName returns the name of a work file while it is written.
func partName(name string) string { return name + ".part" }
