// Package scratch is about what a function keeps outside its volume: files that
// have no name, and what a crash left in the folder for temporary files. Package
// step sweeps at the start of every function; clamav and coverage take files.
package scratch

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// left are the names of what Lazaret puts into the folder for temporary files:
// clamd's private folders, members of archives, lint's folders, freshclam's
// configuration, staging folders, and files of File.
var left = []string{"clamd-*", "coverage-*", "lint-*", "freshclam-*.conf", "lazaret-stage-*", "lazaret-file-*"}

// Sweep removes from dir whatever an earlier life of this environment left there:
// Lambda keeps /tmp when it starts a function anew after a crash or a time-out.
// Nobody else may use dir, since age and owner are not looked at. What cannot be
// removed is logged and stays.
func Sweep(dir string) {
	for _, pattern := range left {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are well formed
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				slog.Warn("sweep temporary files", "cause", err.Error())
			}
		}
	}
}

// memfd is replaced by tests.
var memfd = unix.MemfdCreate

// refused logs once that there are no files in memory.
var refused sync.Once

// File returns content as a file that has no name, to be closed. It lies in
// memory or, where the system refuses that, in dir, the system's own folder for
// temporary files when empty. Whether Lambda lets a function make files in memory
// is not documented.
func File(dir string, content []byte) (*os.File, error) {
	f, err := inMemory()
	if err != nil {
		refused.Do(func() { slog.Info("files without a name lie on disk", "cause", err.Error()) })
		if f, err = onDisk(dir); err != nil {
			return nil, err
		}
	}
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(fmt.Errorf("write file without a name: %w", err), f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("rewind file without a name: %w", err), f.Close())
	}
	return f, nil
}

func inMemory() (*os.File, error) {
	fd, err := memfd("lazaret", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "file in memory"), nil
}

func onDisk(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "lazaret-file-")
	if err != nil {
		return nil, fmt.Errorf("create file without a name: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return nil, errors.Join(fmt.Errorf("unlink file: %w", err), f.Close())
	}
	return f, nil
}
