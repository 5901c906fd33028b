package sandbox

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// FirstUser returns the first id of users as whom root runs functions: id N of an access point is FirstUser + N on this
// machine. An account with the id of a function could read its variables and files, and end it. Neither distributions,
// systemd (https://systemd.io/UIDS-GIDS), subordinate ids nor sssd's default range give ids so high. It is lower in a
// container with few ids, where all accounts are the container's.
var FirstUser = sync.OnceValue(func() int {
	const first, low = 2_100_000_000, 40_000
	if hasIDs(first, 2_147_000_000) {
		return first
	}
	return low
})

// OtherUsers reports whether functions can run as other users than this process. Root can do that, except in a user
// namespace without other ids.
func OtherUsers() bool {
	return os.Geteuid() == 0 && hasIDs(FirstUser(), FirstUser()+20_000)
}

// hasIDs reports whether this process's user namespace has all of these ids.
func hasIDs(first, last int) bool {
	for _, file := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		text, err := os.ReadFile(file)
		// A kernel without user namespaces has no such file, and all ids.
		if err == nil && !mapped(string(text), first, last) {
			return false
		}
	}
	return true
}

// mapped reports whether one line of a map of ids has all of these, see user_namespaces(7).
func mapped(text string, first, last int) bool {
	for line := range strings.Lines(text) {
		var inside, outside, length int
		_, err := fmt.Sscan(line, &inside, &outside, &length)
		if err == nil && inside <= first && last < inside+length {
			return true
		}
	}
	return false
}
