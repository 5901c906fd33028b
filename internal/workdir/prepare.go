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
// freshclam may sweep, where it is missing; fetch makes it too, see Open.
//
// Fetch, scan and freshclam have the same first group (PosixUser in
// infra/network.yaml), and what one of them makes has that group: an access point
// allows no chgrp, and whether EFS lets folders inherit a group is not documented.
// A folder of another group, which an older layout left, is made anew where it is
// empty, and is an error where it is not: fetch could write no work file in it.
func Prepare(path string) error {
	info, err := makeOpen(path)
	if err != nil {
		return err
	}
	want, known, err := ownGroup(filepath.Dir(path))
	if err != nil || !known {
		return err
	}
	got, _ := group(info)
	if got == want {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("work folder %s has group %d, not %d as what this function makes, and is not empty: "+
			"fetch may not write in it: %w", path, got, want, err)
	}
	_, err = makeOpen(path)
	return err
}

// ownGroup is the group of what this function makes in a folder, and whether
// this system says one. Only the volume knows it: an access point puts its own
// user and groups in place of the function's.
func ownGroup(dir string) (gid uint32, known bool, err error) {
	probe := filepath.Join(dir, ".group") // one name, so that a run that is killed leaves one folder at most
	if err := os.Mkdir(probe, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, false, fmt.Errorf("learn the group of new folders: %w", err)
	}
	info, err := os.Stat(probe)
	if err = errors.Join(err, os.Remove(probe)); err != nil {
		return 0, false, fmt.Errorf("learn the group of new folders: %w", err)
	}
	gid, known = group(info)
	return gid, known, nil
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
