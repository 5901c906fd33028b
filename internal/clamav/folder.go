package clamav

import (
	"fmt"
	"os"
	"syscall"
)

// folder is a folder that must not be replaced.
type folder struct {
	path     string
	dev, ino uint64
}

// makeFolder creates a folder with mode 0700.
func makeFolder(path string) (folder, error) {
	if err := os.Mkdir(path, 0o700); err != nil {
		return folder{}, fmt.Errorf("create temporary folder: %w", err)
	}
	f := folder{path: path}
	var err error
	f.dev, f.ino, err = identify(path)
	return f, err
}

// check returns an error if the folder is missing or is another one.
func (f folder) check() error {
	dev, ino, err := identify(f.path)
	if err != nil {
		return err
	}
	if dev != f.dev || ino != f.ino {
		return fmt.Errorf("the temporary folder %s was replaced", f.path)
	}
	return nil
}

// identify returns the device and the inode of a folder, or an error if it is not a
// folder or its owner cannot use it.
func identify(dir string) (dev, ino uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("find temporary folder: %w", &os.PathError{Op: "lstat", Path: dir, Err: err})
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFDIR || st.Mode&0o700 != 0o700 {
		return 0, 0, fmt.Errorf("the temporary folder %s has mode %o", dir, st.Mode)
	}
	return uint64(st.Dev), st.Ino, nil
}
