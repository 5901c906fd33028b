package dmg

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

// mostOutOfOrder is how many runs of sectors may stand after a run of later sectors.
// clamd sorts such runs in a time that grows with the square of their number, and does
// not check its time limit meanwhile. Programs write runs in order.
const mostOutOfOrder = 1000

// costly refuses an image that clamd must not be given as a whole.
func costly(c unpack.Content) error {
	list, err := listOf(c)
	if err != nil {
		return nil // walk refuses it
	}
	all, _ := tables(list)
	be := binary.BigEndian
	for _, table := range all {
		back, last := 0, uint64(0)
		for at := 204; at+40 <= len(table); at += 40 {
			sector := be.Uint64(table[at+8:])
			if sector < last {
				back++
			}
			last = sector
		}
		if back > mostOutOfOrder {
			return unpack.TooMany("disk image with more than %d runs of sectors out of order", mostOutOfOrder)
		}
	}
	return nil
}
