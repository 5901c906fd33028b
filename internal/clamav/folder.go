package clamav

import (
	"fmt"
	"os"
	"syscall"
)

// folder is a directory that must stay what it was when it was made.
type folder struct {
	path     string
	dev, ino uint64
}

func makeFolder(path string) (folder, error) {
	if err := os.Mkdir(path, 0o700); err != nil {
		return folder{}, fmt.Errorf("create temporary folder: %w", err)
	}
	f := folder{path: path}
	var err error
	f.dev, f.ino, err = identify(path)
	return f, err
}

func (f folder) check() error {
	dev, ino, err := identify(f.path)
	if err != nil {
		return err
	}
	if dev != f.dev || ino != f.ino {
		return fmt.Errorf("temporary folder %s was replaced", f.path)
	}
	return nil
}

func identify(dir string) (dev, ino uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("find temporary folder: %w", &os.PathError{Op: "lstat", Path: dir, Err: err})
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFDIR || st.Mode&0o700 != 0o700 {
		return 0, 0, fmt.Errorf("temporary folder %s has mode %o", dir, st.Mode)
	}
	return uint64(st.Dev), st.Ino, nil
}
