// Package datadir opens the folder in which a local stack keeps everything: the store with the objects, the shared
// volume, logs and temporary files. It makes sure that no other user and no other stack uses the folder.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Folder is an open data folder.
type Folder struct {
	Path      string
	temporary bool
	lock      *os.File
}

// Open opens a data folder and creates it when it is absent. An empty path makes a temporary folder, which Close
// removes.
func Open(path string) (*Folder, error) {
	f := &Folder{Path: path, temporary: path == ""}
	if f.temporary {
		var err error
		if f.Path, err = os.MkdirTemp("", "lazaret-"); err != nil {
			return nil, fmt.Errorf("create data folder: %w", err)
		}
	}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open data folder %s: %w", f.Path, err), f.Close())
	}
	return f, nil
}

// Store is the folder of the transactional store.
func (f *Folder) Store() string { return filepath.Join(f.Path, "store") }

// Volume is the folder that stands for the file system that functions share.
func (f *Folder) Volume() string { return filepath.Join(f.Path, "volume") }

// Logs is the folder with one log file for each function.
func (f *Folder) Logs() string { return filepath.Join(f.Path, "logs") }

// Temp is the folder of temporary files, which Open empties.
func (f *Folder) Temp() string { return filepath.Join(f.Path, "tmp") }

func (f *Folder) prepare() error {
	if err := makeFolder(f.Path); err != nil {
		return err
	}
	if err := closeToOthers(f.Path); err != nil {
		return fmt.Errorf("keep it to this user: %w", err)
	}
	if err := f.takeLock(); err != nil {
		return err
	}
	// A stack that was killed leaves its functions' temporary files.
	if err := os.RemoveAll(f.Temp()); err != nil {
		return err
	}
	for _, dir := range []string{f.Volume(), f.Temp(), f.Logs()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// takeLock locks the folder. The kernel drops the lock when the process ends.
func (f *Folder) takeLock() (err error) {
	if f.lock, err = os.OpenFile(filepath.Join(f.Path, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	err = unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errors.New("another stack is using it")
	}
	if err != nil {
		return fmt.Errorf("lock it: %w", err)
	}
	return nil
}

// Close gives the folder up, and removes it when it is temporary.
func (f *Folder) Close() error {
	var err error
	if f.lock != nil {
		err = f.lock.Close()
	}
	if f.temporary {
		err = errors.Join(err, os.RemoveAll(f.Path))
	}
	if err != nil {
		return fmt.Errorf("close data folder %s: %w", f.Path, err)
	}
	return nil
}
