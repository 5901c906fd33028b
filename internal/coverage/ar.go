package coverage

import (
	"strconv"
	"strings"
)

// walkAr reaches the members of an ar archive: a Debian package, a library. The
// engine does not open it.
func walkAr(w *walk, n node) error {
	var h [60]byte
	for at := int64(8); at < n.size; {
		n.ends(at)
		if n.size-at == 1 { // padding
			break
		}
		if err := n.read(h[:], at); err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(h[48:58])), 10, 64)
		if err != nil || size < 0 || string(h[58:]) != "`\n" {
			return damaged("ar with a broken header at byte %d", at)
		}
		at += int64(len(h))
		name := strings.TrimSpace(string(h[:16]))
		switch name {
		case "/", "//", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED": // tables of names
		default:
			whole := min(size, n.size-at)
			if err := w.settle(n, w.region(n, strings.TrimSuffix(name, "/"), at, whole, false)); err != nil {
				return err
			}
		}
		if size > n.size-at {
			return damaged("ar cut off in member %s", clip(name, 16))
		}
		at += size + size&1
	}
	n.ends(n.size)
	return nil
}
