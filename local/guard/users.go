package guard

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// Trusted reports whether a user may do to the stack what its owner may: root, the user of this process, and the user
// who became root with sudo.
func Trusted(uid uint32) bool {
	if uid == 0 || int(uid) == os.Geteuid() {
		return true
	}
	sudo, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	return err == nil && os.Geteuid() == 0 && int(uid) == sudo
}

// FindUsers returns the ids of users that are given by id or by name.
func FindUsers(users []string) (ids []uint32, err error) {
	for _, name := range users {
		id, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			var account *user.User
			if account, err = user.Lookup(name); err == nil {
				id, err = strconv.ParseUint(account.Uid, 10, 32)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("let user %q in: %w", name, err)
		}
		ids = append(ids, uint32(id))
	}
	return ids, nil
}
