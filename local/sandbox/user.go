package sandbox

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// FirstUser is the first of the ids that functions run as where root runs them; id N
// of an access point is FirstUser + N on this machine. An account with the id of a
// function could read its variables and all that it sees, and end it. Neither
// distributions, systemd (https://systemd.io/UIDS-GIDS), subordinate ids nor sssd's
// default range give ids so high. In a container that has few ids it is lower: there
// accounts are the container's own.
var FirstUser = sync.OnceValue(func() int {
	const first, low = 2_100_000_000, 40_000
	if hasIDs(first, 2_147_000_000) {
		return first
	}
	return low
})

// OtherUsers reports whether functions can run as others than this process. Root can
// see to that, unless it is the root of a user namespace that has no id but its own.
func OtherUsers() bool {
	return os.Geteuid() == 0 && hasIDs(FirstUser(), FirstUser()+20_000)
}

// hasIDs reports whether this process's user namespace has all of these ids.
func hasIDs(first, last int) bool {
	for _, file := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		text, err := os.ReadFile(file)
		if err == nil && !mapped(string(text), first, last) {
			return false
		} // a kernel without user namespaces has no such file, and all ids
	}
	return true
}

// mapped reports whether a line of a map of ids has all of them; see
// user_namespaces(7).
func mapped(text string, first, last int) bool {
	for line := range strings.Lines(text) {
		var inside, outside, length int
		if _, err := fmt.Sscan(line, &inside, &outside, &length); err == nil && inside <= first && last < inside+length {
			return true
		}
	}
	return false
}
