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
	const first, last, low = 2_100_000_000, 2_147_000_000, 40_000
	for _, file := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return first // a kernel without user namespaces has all ids
		}
		if !mapped(string(text), first, last) {
			return low
		}
	}
	return first
})

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
