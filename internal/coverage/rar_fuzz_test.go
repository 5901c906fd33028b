package coverage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// FuzzRAR: both versions, with the checksums of their headers set right. An
// engine that opens no RAR never makes one covered.
func FuzzRAR(f *testing.F) {
	seed(f, rar4Probe(), rar5Probe())
	for _, name := range []string{"v5", "v5solid", "v5pw", "v5hp", "volume1", "volume3"} {
		if whole := fixture(f, "rar", name+".rar"); len(whole) < 8<<10 {
			f.Add(whole)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		content = sumRAR(content)
		blind := walked(t, content, func(w *walk, n node) error { return w.enter(form{name: "rar", walk: walkRAR}, n) })
		if blind.refused == nil {
			t.Fatal("covered by an engine that does not open RARs")
		}
		walked(t, content, func(w *walk, n node) error {
			return w.enter(form{name: "rar", walk: func(w *walk, n node) error { return w.rarMembers(n, true) }}, n)
		})
	})
}

// sumRAR sets the headers' checksums right, as far as headers can be followed.
func sumRAR(content []byte) []byte {
	content = bytes.Clone(content)
	le := binary.LittleEndian
	switch {
	case bytes.HasPrefix(content, []byte(rar5Magic)):
		for at := 8; at+6 < len(content); {
			size, n := binary.Uvarint(content[at+4:])
			head := at + 4 + n
			if n <= 0 || size == 0 || size > uint64(len(content)-head) {
				break
			}
			end := head + int(size)
			le.PutUint32(content[at:], crc32.ChecksumIEEE(content[at+4:end]))
			at = end + int(min(dataRAR5(content[head:end]), uint64(len(content)-end)))
		}
	case bytes.HasPrefix(content, []byte(rar4Magic)):
		for at := 7; at+11 < len(content); {
			size := int(le.Uint16(content[at+5:]))
			if size < 7 || size > len(content)-at {
				break
			}
			le.PutUint16(content[at:], uint16(crc32.ChecksumIEEE(content[at+2:at+size])))
			if le.Uint16(content[at+3:])&0x8000 != 0 {
				size += int(min(le.Uint32(content[at+7:]), uint32(len(content)-at-size)))
			}
			at += size
		}
	}
	return content
}

// dataRAR5 is how many bytes of data follow a header: type, flags, the size of
// the extra area if bit 0 is set, the size of the data if bit 1 is.
func dataRAR5(header []byte) uint64 {
	var field [4]uint64
	for i := range field {
		if i == 2 && field[1]&1 == 0 {
			continue
		}
		v, n := binary.Uvarint(header)
		if n <= 0 {
			return 0
		}
		field[i], header = v, header[n:]
	}
	if field[1]&2 == 0 {
		return 0
	}
	return field[3]
}
