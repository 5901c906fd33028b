package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// closeToOthers makes the folder 0700. Others must not have been able to put
// anything into it before, or to put another folder in its place, and a folder that
// was made for something else stays as it is.
func closeToOthers(dir string) error {
	if err := trustPath(dir); err != nil {
		return err
	}
	var is unix.Stat_t
	if err := unix.Stat(dir, &is); err != nil {
		return err
	}
	if is.Uid == 0 && os.Geteuid() != 0 || !trusted(is.Uid) {
		return fmt.Errorf("user %d owns it", is.Uid)
	}
	if is.Mode&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	lock, _ := os.Lstat(filepath.Join(dir, "lock"))
	volume, _ := os.Lstat(filepath.Join(dir, "volume"))
	ours := lock != nil && lock.Mode().IsRegular() || volume != nil && volume.IsDir() // Debian's /var has a link of that name
	switch {
	case err != nil:
		return err
	case len(entries) > 0 && is.Mode&0o022 != 0:
		return fmt.Errorf("others may write to it (mode %#o), and something is in it: chmod 700 it if you know all of that", is.Mode&0o7777)
	case len(entries) > 0 && !ours:
		return fmt.Errorf("others may read it (mode %#o), and what is in it is not of a local stack: take another one", is.Mode&0o7777)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if now, err := os.ReadDir(dir); err != nil || len(now) != len(entries) {
		return errors.Join(err, errors.New("somebody put something into it meanwhile"))
	}
	return nil
}

// trustPath refuses a path on which another user has laid, or could lay, a way to
// elsewhere: folders and symbolic links of theirs, and folders above that everybody
// may write to, without a sticky bit.
func trustPath(path string) error {
	for parts := strings.Split(path, "/"); len(parts) > 1; parts = parts[:len(parts)-1] {
		at := strings.Join(parts, "/")
		var is unix.Stat_t
		if err := unix.Lstat(at, &is); err != nil {
			return err
		}
		link := is.Mode&unix.S_IFMT == unix.S_IFLNK
		switch {
		case !trusted(is.Uid):
			return fmt.Errorf("user %d owns %s", is.Uid, at)
		case !link && at != path && is.Mode&0o002 != 0 && is.Mode&unix.S_ISVTX == 0:
			return fmt.Errorf("everybody may write to %s", at)
		}
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil || resolved == path {
		return err
	}
	return trustPath(resolved)
}

// trusted are root, this user, and whoever became root with sudo.
func trusted(uid uint32) bool {
	by, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	return uid == 0 || int(uid) == os.Geteuid() || err == nil && os.Geteuid() == 0 && int(uid) == by
}
