package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openData creates the data folder and makes sure that no other user and no other
// stack uses it.
func (s *Stack) openData() error {
	s.DataDir = s.config.DataDir
	if s.temporary() {
		dir, err := os.MkdirTemp("", "lazaret-")
		if err != nil {
			return fmt.Errorf("create data folder: %w", err)
		}
		s.DataDir = dir
		s.onClose(func() error {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove data folder: %w", err)
			}
			return nil
		})
	}
	s.volume = filepath.Join(s.DataDir, "volume")
	if err := makeFolder(s.DataDir); err != nil {
		return fmt.Errorf("create data folder %s: %w", s.DataDir, err)
	}
	if err := closeToOthers(s.DataDir); err != nil {
		return fmt.Errorf("keep data folder %s to this user: %w", s.DataDir, err)
	}
	if err := s.lockData(); err != nil {
		return fmt.Errorf("use data folder %s: %w", s.DataDir, err)
	}
	// A stack that was killed leaves its functions' temporary files behind.
	if err := os.RemoveAll(s.tempDir()); err != nil {
		return fmt.Errorf("clear data folder: %w", err)
	}
	for _, dir := range []string{s.volume, s.tempDir(), s.LogDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("create data folder: %w", err)
		}
	}
	return nil
}

func (s *Stack) temporary() bool { return s.config.DataDir == "" }

func (s *Stack) tempDir() string { return filepath.Join(s.DataDir, "tmp") }

// LogDir is the folder with one log file a function.
func (s *Stack) LogDir() string { return filepath.Join(s.DataDir, "logs") }

// lockData holds a lock that the kernel drops with the process.
func (s *Stack) lockData() error {
	lock, err := os.OpenFile(filepath.Join(s.DataDir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	s.onClose(lock.Close)
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return errors.New("another stack is using it")
	} else if err != nil {
		return fmt.Errorf("lock it: %w", err)
	}
	return nil
}
