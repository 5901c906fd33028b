// Package scratch creates files without a name for short-lived content, and removes temporary files
// that a crash left behind. Package step removes them at the start of each function; clamav and unpack
// create files.
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

// patterns are the names of all that Lazaret creates in the folder for temporary files: clamd's
// private folders, members of archives, folders to check signature files, freshclam's configuration,
// staging folders, and the files of File.
var patterns = []string{"clamd-*", "unpack-*", "lint-*", "freshclam-*.conf", "lazaret-stage-*", "lazaret-file-*"}

// Sweep removes from dir what an earlier run of this environment created there. Lambda keeps /tmp when
// it restarts a function after a crash or a timeout. No other process may use dir, because age and
// owner of the files are not checked. Files that cannot be removed are logged and stay.
func Sweep(dir string) {
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // only a malformed pattern is an error
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				slog.Warn("sweep temporary files", "cause", err.Error())
			}
		}
	}
}

// memfd creates a file in memory; tests replace it.
var memfd = unix.MemfdCreate

// logOnce limits the log line about files in memory to one.
var logOnce sync.Once

// File returns an open file with this content and no name; the caller closes it. The file is in memory
// or, if the system does not allow that, in dir (the system's folder for temporary files if empty).
// AWS does not document whether a Lambda function may create files in memory.
func File(dir string, content []byte) (*os.File, error) {
	f, err := inMemory()
	if err != nil {
		logOnce.Do(func() { slog.Info("files without a name are created on disk", "cause", err.Error()) })
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
	if err := os.Remove(f.Name()); err != nil { // the content stays until the file is closed
		return nil, errors.Join(fmt.Errorf("remove the name of a temporary file: %w", err), f.Close())
	}
	return f, nil
}
