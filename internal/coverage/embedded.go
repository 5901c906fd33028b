package coverage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// stubMax is how far into a program an archive may begin: what 7-Zip and unrar
// search.
const stubMax = 1 << 20

// walkProgram looks for an archive behind a self-extractor's program. The
// engine finds some of them, depending on the program.
func walkProgram(w *walk, n node) error {
	buf := make([]byte, min(n.size, stubMax))
	if err := n.read(buf, 0); err != nil {
		return err
	}
	for _, m := range []struct {
		magic string
		is    func(b []byte) bool
	}{{rar4Magic, rar4Begins}, {rar5Magic, rar5Begins}, {"7z\xbc\xaf\x27\x1c", begins7z}} {
		for at := 0; ; at++ {
			i := bytes.Index(buf[at:], []byte(m.magic))
			if i < 0 {
				break
			}
			if at += i; m.is(buf[at:]) { // else the program only knows the magic
				return w.region(n, "self-extracting", int64(at), n.size-int64(at), false)
			}
		}
	}
	return nil
}

func rar4Begins(b []byte) bool {
	return len(b) >= 20 && b[9] == 0x73 && uint16(crc32.ChecksumIEEE(b[9:20])) == binary.LittleEndian.Uint16(b[7:])
}

func rar5Begins(b []byte) bool {
	if len(b) < 13 || b[12] > 0x7f || len(b) < 13+int(b[12]) {
		return false
	}
	return crc32.ChecksumIEEE(b[12:13+int(b[12])]) == binary.LittleEndian.Uint32(b[8:])
}

func begins7z(b []byte) bool {
	return len(b) >= 32 && crc32.ChecksumIEEE(b[12:32]) == binary.LittleEndian.Uint32(b[8:])
}

// walkScript looks for an archive behind a shell script that unpacks itself: at
// the beginning of a line, with as much of a header as tells it from text.
func walkScript(w *walk, n node) error {
	buf := make([]byte, min(n.size, stubMax))
	if err := n.read(buf, 0); err != nil {
		return err
	}
	for _, magic := range []string{"\n\x1f\x8b\x08", "\n\xfd7zXZ\x00", "\n\x28\xb5\x2f\xfd", "\n\x04\x22\x4d\x18", "\nBZh91AY&SY", "\n7z\xbc\xaf\x27\x1c"} {
		if at := bytes.Index(buf, []byte(magic)); at >= 0 {
			return w.region(n, "self-extracting", int64(at)+1, n.size-int64(at)-1, false)
		}
	}
	return nil
}
