package zip

import (
	"encoding/binary"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// mostSkipped is how many members without content a zip may have that clamd is given.
// Versions before 1.5 do not add such a member to their list, and clear the whole list
// for each of them while it has a multiple of 100 entries. That takes a second for
// 4,000 members, and a minute for 16,000. Of 1,167 archives that were measured, none
// had more than 35.
const mostSkipped = 2000

// costly refuses a zip that clamd must not be given as a whole.
func costly(c unpack.Content) error {
	found := lastDirectories(c)
	if len(found) == 0 {
		found = distantDirectories(c)
	}
	for _, d := range found {
		if skipped(c, d) > mostSkipped {
			return unpack.TooMany("zip with more than %d members without content", mostSkipped)
		}
	}
	return nil
}

// skipped counts the members that clamd does not add to its list, by the number of
// entries modulo 100 that the list has then. It returns the largest of the counts, so
// that a miscounted entry makes little difference. It reads the directory to its end,
// whatever the end record says.
func skipped(c unpack.Content, d directory) int {
	var counts [100]int
	recorded := 0
	le := binary.LittleEndian
	in := c.Reader(d.start)
	for {
		var h [entrySize]byte
		if _, err := io.ReadFull(in, h[:]); err != nil || string(h[:4]) != entrySign {
			break
		}
		size, at := le.Uint32(h[20:]), int64(le.Uint32(h[42:]))
		if size > 0 && (at == inZip64Field || hasLocalHeader(c, d, at)) {
			recorded++
		} else {
			counts[recorded%len(counts)]++
		}
		rest := int(le.Uint16(h[28:])) + int(le.Uint16(h[30:])) + int(le.Uint16(h[32:]))
		if _, err := in.Discard(rest); err != nil {
			break
		}
	}
	return slices.Max(counts[:])
}

// hasLocalHeader reports whether a local header stands at an offset, or at that offset
// from the beginning of the archive.
func hasLocalHeader(c unpack.Content, d directory, at int64) bool {
	return string(c.Peek(at, 4)) == localSign || string(c.Peek(at+d.base, 4)) == localSign
}
