package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
)

// Dir is a folder of work files. All names are resolved inside it, also if a file on the volume is a
// symbolic link.
type Dir struct {
	path string
	mu   sync.Mutex
	root *os.Root // nil until the folder exists
}

// errNoFolder: the work folder does not exist, and this function may not create it.
var errNoFolder = errors.New("there is no work folder")

// Open returns the folder at path. Fetch may create the folder if it does not exist; scan may not
// (infra/network.yaml), and looks for it again whenever it needs it. On a volume of an older layout
// freshclam creates it, see Prepare.
func Open(path string) (*Dir, error) {
	d := &Dir{path: path}
	if _, err := d.open(); err != nil && !errors.Is(err, job.ErrDefinitionsNotReady) {
		return nil, err
	}
	return d, nil
}

// open returns the folder, and opens or creates it first if needed.
func (d *Dir) open() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root != nil {
		return d.root, nil
	}
	err := d.makeFolder()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		// A new volume has no definitions either. The next run of freshclam creates both.
		return nil, fmt.Errorf("%w: create the work folder: only fetch and freshclam may: %w: %w",
			job.ErrDefinitionsNotReady, errNoFolder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("create the work folder: %w", classifyWrite(err))
	}
	if d.root, err = os.OpenRoot(d.path); err != nil {
		return nil, fmt.Errorf("open the work folder: %w", classifyWrite(err))
	}
	return d.root, nil
}

// makeFolder creates the folder if it does not exist, with access for its group whatever the umask is,
// so that freshclam may remove old files. An empty folder in which this function may not write, which
// somebody made by hand, is replaced.
func (d *Dir) makeFolder() error {
	err := unix.Access(d.path, unix.W_OK|unix.X_OK)
	switch {
	case errors.Is(err, unix.EACCES):
		if os.Remove(d.path) != nil {
			return nil // the error comes when the folder is used
		}
	case !errors.Is(err, unix.ENOENT):
		// The function that created it may have been killed before it gave the group access. An error is
		// ignored: the folder then belongs to another user.
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
		return nil // another environment created it, and gives the group access
	}
	if err == nil {
		err = os.Chmod(d.path, 0o770)
	}
	return err
}

// inFolder calls do with the folder for the work file called name. If that fails because the folder
// was removed or replaced since it was opened, it opens the folder again and calls do once more: an
// environment may run for hours.
func (d *Dir) inFolder(name string, do func(root *os.Root) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	root, err := d.open()
	if err != nil {
		return err
	}
	err = do(root)
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESTALE) || d.isCurrent(root) {
		return err
	}
	d.forget(root)
	if root, err = d.open(); err != nil {
		return err
	}
	return do(root)
}

// isCurrent reports whether root is still the folder at the path.
func (d *Dir) isCurrent(root *os.Root) bool {
	opened, err := root.Stat(".")
	if err != nil {
		return false
	}
	there, err := os.Stat(d.path)
	return err == nil && os.SameFile(opened, there)
}

// forgetIfMoved forgets a folder that was moved. Files could still be created in it, but no other
// function would find them.
func (d *Dir) forgetIfMoved() {
	d.mu.Lock()
	root := d.root
	d.mu.Unlock()
	if root != nil && !d.isCurrent(root) {
		d.forget(root)
	}
}

// forget drops root. It does not close it, because another scan may be using it; the garbage collector
// does.
func (d *Dir) forget(root *os.Root) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == root {
		d.root = nil
	}
}
