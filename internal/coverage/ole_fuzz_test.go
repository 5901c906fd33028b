package coverage

import "testing"

// FuzzOLE: chains of sectors may run in circles and directories into one
// another.
func FuzzOLE(f *testing.F) {
	word := oleStream{"WordDocument", with(uint16(0xa5ec), uint16(0xc1), uint32(0), uint16(0), uint16(0x0200))}
	seed(f, oleOf(word), oleOf(word, oleStream{"1Table", pages(4200)}), oleOf(oleStream{"Workbook", with(uint16(0x809), uint16(8), uint64(0), uint16(0x2f))}),
		oleOf(oleStream{"Current User", with(uint64(0), uint32(20), uint32(0xf3d1c4df))}), oleOf(oleStream{"EncryptionInfo", pages(4100)}),
		oleOf(oleStream{"Package", join(zipOf(f, zipped{name: "a", content: pages(300)}), pages(4100))}))
	f.Fuzz(func(t *testing.T, content []byte) {
		w := walked(t, content, func(w *walk, n node) error { return w.enter(oleForm, n) })
		if len(content) < 512 && w.refused == nil {
			t.Fatalf("covered a compound file of %d bytes, less than its header", len(content))
		}
	})
}
