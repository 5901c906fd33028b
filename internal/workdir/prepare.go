package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Prepare makes the folder at path, in which fetch and scan may write and
// freshclam may sweep, where it is missing. It is freshclam's task, whose the
// folder above is: who owns that could put other definitions in place.
//
// The folder above has the group of fetch and scan. What freshclam makes has it
// too, because that is the first group of freshclam's access point
// (PosixUser in infra/network.yaml): an access point allows no chgrp, and whether
// EFS lets folders inherit a group is not documented. A folder that has another
// group is an error, because fetch could write no work file in it.
func Prepare(path string) error {
	above, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("make the work folder: %w", err)
	}
	want, known := group(above)
	made, err := makeOpen(path)
	if err != nil {
		return err
	}
	if got, _ := group(made); known && got != want {
		// Of an older layout of the volume. Where nobody could write, nothing is in it.
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("work folder %s has group %d, not %d as the folder above, and is not empty: "+
				"fetch may not write in it: %w", path, got, want, err)
		}
		if made, err = makeOpen(path); err != nil {
			return err
		}
		if got, _ := group(made); got != want {
			return fmt.Errorf("work folder %s was made with group %d, not %d as the folder above: "+
				"fetch may not write in it; %d must be the first group of freshclam's access point", path, got, want, want)
		}
	}
	return nil
}

// makeOpen makes the folder where it is missing, opens it to its owner and its
// group alone, and returns what it is then. A set-group-ID bit is left alone.
func makeOpen(path string) (fs.FileInfo, error) {
	if err := os.Mkdir(path, 0o770); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("make the work folder: %s is no folder", path)
	}
	if info.Mode().Perm() == 0o770 {
		return info, nil
	}
	// Mkdir's mode went through the umask, or an earlier run was cut off here.
	if err := os.Chmod(path, 0o770|info.Mode()&fs.ModeSetgid); err != nil {
		return nil, fmt.Errorf("open the work folder to its group: %w", err)
	}
	if info, err = os.Stat(path); err != nil {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	if info.Mode().Perm() != 0o770 {
		return nil, fmt.Errorf("open the work folder to its group: %s has mode %v, want 0770", path, info.Mode())
	}
	return info, nil
}

// group is the group of a file, and whether this system says one.
func group(info fs.FileInfo) (uint32, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Gid, true
}
