package coverage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// Fuzz7z: the header, in which every number is a promise of memory, and what
// the library makes of the rest. Checksums are set right, so that the fuzzer
// gets beyond them.
func Fuzz7z(f *testing.F) {
	text := pages(300)
	seed(f, sevenOf([]byte{0}, text, text), sevenOf([]byte{4, 1, 8}, deflated(f, text), text), sevenOf([]byte{0x77}, text, text),
		sevenOf([]byte{4, 0xf7, 0x11, 1}, zstdOf(f, text), text), join(sevenOf([]byte{0}, text, text), gzipOf(f, text)))
	for _, name := range []string{"lzma", "lzma2", "plainheader", "ppmd", "bcj2", "delta", "password", "password-names"} {
		if whole := fixture(f, "7z", name+".7z"); len(whole) < 8<<10 {
			f.Add(whole)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		content = sum7z(content)
		var h header7z
		own := walked(t, content, func(w *walk, n node) (err error) {
			h, err = read7zHeader(w, n)
			return err
		})
		if own.refused == nil && (h.window > maxWindow || h.end > int64(len(content)) || h.end < 32) && len(content) >= 32 {
			t.Fatalf("header %+v in %d bytes", h, len(content))
		}
		w := walked(t, content, func(w *walk, n node) error { return w.enter(form{name: "7z", walk: walk7z}, n) })
		if own.refused != nil && w.refused == nil {
			t.Fatalf("covered with a header that is refused: %v", own.refused)
		}
	})
}

// sum7z sets the checksums of a 7z right.
func sum7z(content []byte) []byte {
	content = bytes.Clone(content)
	if len(content) < 32 {
		return content
	}
	le := binary.LittleEndian
	offset, size := le.Uint64(content[12:]), le.Uint64(content[20:])
	if whole := uint64(len(content)) - 32; offset <= whole && size <= whole-offset {
		le.PutUint32(content[28:], crc32.ChecksumIEEE(content[32+offset:32+offset+size]))
	}
	le.PutUint32(content[8:], crc32.ChecksumIEEE(content[12:32]))
	return content
}
