package datadir

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/local/guard"
)

// makeFolder creates a folder and its parents. It refuses a path that another user controls.
func makeFolder(dir string) error {
	existing := dir
	for {
		if _, err := os.Lstat(existing); !errors.Is(err, os.ErrNotExist) {
			break
		}
		existing = filepath.Dir(existing)
	}
	if err := checkPath(existing); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// closeToOthers gives the folder the mode 0700. It refuses a folder into which others may have put something, or that
// others can replace, and changes no folder that was made for something else.
func closeToOthers(dir string) error {
	if err := checkPath(dir); err != nil {
		return err
	}
	var is unix.Stat_t
	if err := unix.Stat(dir, &is); err != nil {
		return err
	}
	if is.Uid == 0 && os.Geteuid() != 0 || !guard.Trusted(is.Uid) {
		return fmt.Errorf("user %d owns it", is.Uid)
	}
	if is.Mode&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err != nil:
		return err
	case len(entries) > 0 && is.Mode&0o022 != 0:
		return fmt.Errorf("others may write to it (mode %#o), and it is not empty: chmod 700 it if you know its content",
			is.Mode&0o7777)
	case len(entries) > 0 && !isOfStack(dir):
		return fmt.Errorf("others may read it (mode %#o), and its files are not a local stack's: choose another folder",
			is.Mode&0o7777)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if now, err := os.ReadDir(dir); err != nil || len(now) != len(entries) {
		return errors.Join(err, errors.New("somebody put something into it meanwhile"))
	}
	return nil
}

// isOfStack reports whether a folder has files of a local stack. Debian's /var has a link with the name lock.
func isOfStack(dir string) bool {
	lock, _ := os.Lstat(filepath.Join(dir, "lock"))
	volume, _ := os.Lstat(filepath.Join(dir, "volume"))
	return lock != nil && lock.Mode().IsRegular() || volume != nil && volume.IsDir()
}

// checkPath refuses a path that another user can lead elsewhere: one through a folder or a symbolic link that another
// user owns, or through a folder without a sticky bit to which everybody or a group of users may write.
func checkPath(path string) error {
	for parts := strings.Split(path, "/"); len(parts) > 1; parts = parts[:len(parts)-1] {
		at := strings.Join(parts, "/")
		var is unix.Stat_t
		if err := unix.Lstat(at, &is); err != nil {
			return err
		}
		link := is.Mode&unix.S_IFMT == unix.S_IFLNK
		switch {
		case !guard.Trusted(is.Uid) && (at == path || !unmapped(is.Uid)):
			return fmt.Errorf("user %d owns %s", is.Uid, at)
		case link || at == path || is.Mode&unix.S_ISVTX != 0:
		case is.Mode&0o002 != 0:
			return fmt.Errorf("everybody may write to %s", at)
		case is.Mode&0o020 != 0 && !trustedGroup(is.Gid):
			return fmt.Errorf("group %d may write to %s", is.Gid, at)
		}
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil || resolved == path {
		return err
	}
	return checkPath(resolved)
}

// trustedGroup reports whether a group is root's, or has the name of a trusted user: many distributions give each user
// such a group, and folders the mode 0775.
func trustedGroup(gid uint32) bool {
	if gid == 0 {
		return true
	}
	group, err := user.LookupGroupId(strconv.Itoa(int(gid)))
	if err != nil {
		return false
	}
	account, err := user.Lookup(group.Name)
	if err != nil {
		return false
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	return err == nil && account.Gid == group.Gid && guard.Trusted(uint32(uid))
}

// unmapped reports whether an id stands for users that this process's user namespace does not have, as in a rootless
// container. The root of the machine, who owns / and /tmp, is such a user.
func unmapped(uid uint32) bool {
	const overflow = 65534 // /proc/sys/kernel/overflowuid; see user_namespaces(7)
	ids, err := os.ReadFile("/proc/self/uid_map")
	allIDs := []string{"0", "0", "4294967295"}
	return err == nil && uid == overflow && !slices.Equal(strings.Fields(string(ids)), allIDs)
}
