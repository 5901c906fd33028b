package local

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
)

// makeFolder makes a folder, with those above it, and none by a way that another user
// has laid.
func makeFolder(dir string) error {
	there := dir
	for {
		if _, err := os.Lstat(there); !errors.Is(err, os.ErrNotExist) {
			break
		}
		there = filepath.Dir(there)
	}
	if err := trustPath(there); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

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
// elsewhere: folders and symbolic links of theirs, and folders above that everybody,
// or a group of users, may write to, without a sticky bit.
func trustPath(path string) error {
	for parts := strings.Split(path, "/"); len(parts) > 1; parts = parts[:len(parts)-1] {
		at := strings.Join(parts, "/")
		var is unix.Stat_t
		if err := unix.Lstat(at, &is); err != nil {
			return err
		}
		link := is.Mode&unix.S_IFMT == unix.S_IFLNK
		switch {
		case !trusted(is.Uid) && (at == path || !unmapped(is.Uid)):
			return fmt.Errorf("user %d owns %s", is.Uid, at)
		case link || at == path || is.Mode&unix.S_ISVTX != 0:
		case is.Mode&0o002 != 0:
			return fmt.Errorf("everybody may write to %s", at)
		case is.Mode&0o020 != 0 && !private(is.Gid):
			return fmt.Errorf("group %d may write to %s", is.Gid, at)
		}
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil || resolved == path {
		return err
	}
	return trustPath(resolved)
}

// findUsers returns the ids of users that are given by id or by name.
func findUsers(users []string) (ids []uint32, err error) {
	for _, u := range users {
		id, err := strconv.ParseUint(u, 10, 32)
		if err != nil {
			var account *user.User
			if account, err = user.Lookup(u); err == nil {
				id, err = strconv.ParseUint(account.Uid, 10, 32)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("let user %s in: %w", strconv.Quote(u), err)
		}
		ids = append(ids, uint32(id))
	}
	return ids, nil
}

// admits reports whether a user may call the endpoint.
func (s *Stack) admits(uid uint32) bool {
	return trusted(uid) || slices.Contains(s.allowed, uid) || s.services.lambda.Runs(uid)
}

// notAllowed is what a user who may not is told.
func notAllowed(uid uint32) string {
	return fmt.Sprintf("This local stack is user %d's, and the connection is user %d's. Start it with --allow-user %[2]d to let that user in.",
		os.Geteuid(), uid)
}

// Peers says why users of this machine are not told apart; nil when they are.
func (s *Stack) Peers() error { return s.peers }

// private reports whether a group is root's, or has the name of a user who is trusted:
// many distributions give each user such a group and make his folders 0775.
func private(gid uint32) bool {
	group, err := user.LookupGroupId(strconv.Itoa(int(gid)))
	if gid == 0 || err != nil {
		return gid == 0
	}
	account, err := user.Lookup(group.Name)
	if err != nil {
		return false
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	return err == nil && account.Gid == group.Gid && trusted(uint32(uid))
}

// unmapped reports whether this process is in a user namespace, as in a container
// without root's help, and the id stands for users that have none in it. The root of
// the machine is one of them, who owns / and /tmp.
func unmapped(uid uint32) bool {
	const overflow = 65534 // /proc/sys/kernel/overflowuid; see user_namespaces(7)
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && uid == overflow && !slices.Equal(strings.Fields(string(ids)), []string{"0", "0", "4294967295"})
}

// trusted are root, this user, and whoever became root with sudo.
func trusted(uid uint32) bool {
	by, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	return uid == 0 || int(uid) == os.Geteuid() || err == nil && os.Geteuid() == 0 && int(uid) == by
}
