package cab

import (
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

// mostAgain is how many bytes of folders clamd may unpack a second time, which takes it
// some seconds. Cabinets of the known programs cause none.
const mostAgain = 1 << 30

// costly refuses a cabinet that clamd must not be given as a whole: clamd unpacks a
// folder again from its beginning for each file that stands before the file before it.
func costly(c unpack.Content) error {
	header := c.Peek(0, 36)
	if len(header) < 36 {
		return nil
	}
	le := binary.LittleEndian
	in := c.Reader(int64(le.Uint32(header[16:])))
	ends := map[uint16]int64{} // the largest offset after a file so far, by folder
	var again int64
	for range le.Uint16(header[28:]) {
		var h [16]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return nil
		}
		if _, err := in.ReadSlice(0); err != nil { // its name
			return nil
		}
		at, folder := int64(le.Uint32(h[4:])), le.Uint16(h[8:])
		end := at + int64(le.Uint32(h[:]))
		if at < ends[folder] {
			again += end
		}
		if again > mostAgain {
			return unpack.TooMany("cabinet whose files are not in the order of their offsets")
		}
		ends[folder] = max(ends[folder], end)
	}
	return nil
}
