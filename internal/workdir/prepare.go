package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Prepare creates the folder at path if it does not exist. Fetch and scan write in it, and freshclam
// removes old files.
//
// Fetch, scan and freshclam have the same first group (PosixUser in infra/network.yaml), which is the
// group of all that they create: an access point refuses chgrp, and AWS does not document whether
// folders on EFS inherit a group. A folder of another group, which an older layout left, is created
// again if it is empty. If it is not, that is an error, because fetch cannot write in it.
func Prepare(path string) error {
	info, err := makeGroupFolder(path)
	if err != nil {
		return err
	}
	want, known, err := groupOfNewFolders(filepath.Dir(path))
	if err != nil || !known {
		return err
	}
	got, _ := group(info)
	if got == want {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("work folder %s has group %d, want %d, and is not empty: fetch cannot write in it: %w",
			path, got, want, err)
	}
	_, err = makeGroupFolder(path)
	return err
}

// groupOfNewFolders returns the group of a folder that this function creates in dir, and whether this
// operating system has groups. It creates one to find out: an access point replaces the user and the
// groups of the function.
func groupOfNewFolders(dir string) (gid uint32, known bool, err error) {
	probe := filepath.Join(dir, ".group") // a fixed name, so that killed runs leave at most one folder
	if err := os.Mkdir(probe, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, false, fmt.Errorf("find out the group of new folders: %w", err)
	}
	info, err := os.Stat(probe)
	if err = errors.Join(err, os.Remove(probe)); err != nil {
		return 0, false, fmt.Errorf("find out the group of new folders: %w", err)
	}
	gid, known = group(info)
	return gid, known, nil
}

// makeGroupFolder creates the folder if it does not exist, sets its mode to 0770, and returns its file
// info. It keeps a set-group-ID bit.
func makeGroupFolder(path string) (fs.FileInfo, error) {
	if err := os.Mkdir(path, 0o770); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("make the work folder: %s is not a folder", path)
	}
	if info.Mode().Perm() == 0o770 {
		return info, nil
	}
	// The umask changed the mode, or an earlier run was killed here.
	if err := os.Chmod(path, 0o770|info.Mode()&fs.ModeSetgid); err != nil {
		return nil, fmt.Errorf("give the group access to the work folder: %w", err)
	}
	if info, err = os.Stat(path); err != nil {
		return nil, fmt.Errorf("make the work folder: %w", err)
	}
	if info.Mode().Perm() != 0o770 {
		return nil, fmt.Errorf("give the group access to the work folder: %s has mode %v, want 0770", path, info.Mode())
	}
	return info, nil
}

// group returns the group of a file, and whether this operating system has groups.
func group(info fs.FileInfo) (uint32, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Gid, true
}
