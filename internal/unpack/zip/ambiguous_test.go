package zip_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// parts are those of a zip with one deflated member: the local header with the content,
// the directory, and the end record.
func parts(t testing.TB, content []byte) (local, directory, end []byte) {
	t.Helper()
	whole := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: content, Method: 8})
	at, last := bytes.Index(whole, []byte("PK\x01\x02")), bytes.LastIndex(whole, []byte("PK\x05\x06"))
	return whole[:at], whole[at:last], whole[last:]
}

// patch writes values into a copy of b.
func patch(b []byte, at int, values ...any) []byte {
	out := bytes.Clone(b)
	copy(out[at:], unpacktest.LE(values...))
	return out
}

// TestReadings checks that every member is scanned which a program may extract,
// whichever record it goes by. One reading of each zip here is harmless.
func TestReadings(t *testing.T) {
	t.Parallel()
	evil := eicarText()
	harmless, harmlessDirectory, harmlessEnd := parts(t, unpacktest.Pages(2000))
	bad, badDirectory, badEnd := parts(t, evil)
	le := unpacktest.LE
	size := func(parts ...[]byte) uint32 { return uint32(len(unpacktest.Join(parts...))) }

	// A program without zip64 goes by the end record, which leads to the first
	// directory; the locator before it leads to the second.
	head := unpacktest.Join(harmless, bad)
	lists := unpacktest.Join(harmlessDirectory, patch(badDirectory, 42, uint32(len(harmless))))
	record := unpacktest.Join(
		[]byte("PK\x06\x06"),
		le(uint64(44), uint16(45), uint16(45), uint32(0), uint32(0), uint64(1), uint64(1),
			uint64(len(badDirectory)), uint64(len(head)+len(harmlessDirectory))))
	locator := unpacktest.Join([]byte("PK\x06\x07"), le(uint32(0), uint64(size(head, lists)), uint32(1)))
	wide := unpacktest.Join(head, lists, record, locator, patch(harmlessEnd, 16, uint32(len(head))))
	narrow := unpacktest.Join(bad, harmless, badDirectory, patch(harmlessDirectory, 42, uint32(len(bad))), record, locator,
		patch(badEnd, 16, uint32(len(bad)+len(harmless))))

	// The comment of one zip has the end record of another.
	comment := unpacktest.Join(patch(bad, 0), patch(badDirectory, 42, size(harmless, harmlessDirectory, harmlessEnd)),
		patch(badEnd, 16, size(harmless, harmlessDirectory, harmlessEnd, bad)))
	first := unpacktest.Join(harmless, harmlessDirectory, patch(harmlessEnd, 20, uint16(len(comment))), comment)
	padded := unpacktest.Join(bad, harmless, badDirectory, patch(
		badEnd,
		16,
		size(bad, harmless),
		uint16(22+len(harmlessDirectory)),
	),
		patch(harmlessDirectory, 42, uint32(len(bad))), patch(harmlessEnd, 16, size(bad, harmless, badDirectory, badEnd)))

	// Offsets that lead to one member from the beginning of the file, and to another
	// from the beginning of the archive.
	shifted := unpacktest.Join(
		bad,
		badDirectory,
		make([]byte, len(bad)),
		harmless,
		harmlessDirectory,
		patch(harmlessEnd, 12, size(harmlessDirectory), size(bad)),
	)

	// The local header has a smaller size than the directory: a program that reads from
	// the beginning finds the next member within the first.
	inside := unpacktest.Join(unpacktest.Pages(100), bad)
	stored := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: inside})
	short := patch(stored, 14, crc32.ChecksumIEEE(inside[:100]), uint32(100), uint32(100))

	// The deflate stream ends before the member.
	deflated := unpacktest.Deflated(t, unpacktest.Pages(500))
	slack := unpacktest.ZipOf(t, unpacktest.Zipped{
		Name: "a", Content: unpacktest.Pages(500), Method: 8, Packed: unpacktest.Join(deflated, bad), Described: true,
	})

	flagged := patch(unpacktest.Join(bad, badDirectory, badEnd), 6, uint16(1))
	flagged = patch(flagged, bytes.Index(flagged, []byte("PK\x01\x02"))+8, uint16(1))
	front := unpacktest.Join(patch(bad, 6, uint16(1)), badDirectory, badEnd)
	text := unpacktest.Pages(70 << 10)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "zip64 leads elsewhere", Content: wide, Want: unpacktest.Infected},
		{Name: "the end record leads elsewhere", Content: narrow, Want: unpacktest.Infected},
		{Name: "an end record in the comment", Content: first, Want: unpacktest.Infected},
		{Name: "an end record before the last", Content: padded, Want: unpacktest.Infected},
		{Name: "offsets from the file's beginning", Content: shifted, Want: unpacktest.Infected},
		{Name: "a local header that says less", Content: short, Want: unpacktest.Infected},
		{Name: "a stream that ends before its member", Content: slack, Want: unpacktest.Infected},
		{Name: "said to be encrypted, and is not", Content: flagged, Want: unpacktest.Infected},
		{Name: "said to be encrypted in front alone", Content: front, Want: unpacktest.Infected},
		{
			Name:    "a member without a local header beside an infected one",
			Content: broken(t, evil),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "in the middle of text",
			Content: unpacktest.Join(unpacktest.Pages(300), unpacktest.GoZip(t, "a", evil), text),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "in the middle of text, harmless",
			Content: unpacktest.Join(unpacktest.Pages(300), unpacktest.GoZip(t, "a", unpacktest.Pages(900)), text),
			Want:    unpacktest.Clean,
		},
		{
			Name: "encrypted in the middle of text",
			Content: unpacktest.Join(unpacktest.Pages(300), patch(harmless, 6, uint16(1)), patch(
				harmlessDirectory,
				8,
				uint16(1),
			),
				harmlessEnd, text),
			Want: "encrypted",
		},
		{Name: "last volume", Content: lastVolume(), Want: "unsupported-archive"},
	})
}

// broken lists two members. The first is not at its offset.
func broken(t testing.TB, content []byte) []byte {
	out := unpacktest.ZipOf(t, unpacktest.Zipped{Name: "a", Content: unpacktest.Pages(100)},
		unpacktest.Zipped{Name: "b", Content: content, Method: 8, Wide: true})
	return patch(out, bytes.Index(out, []byte("PK\x01\x02"))+42, uint32(7))
}

// lastVolume is the last part of a split zip, whose directory began in the part before.
func lastVolume() []byte {
	out := unpacktest.Pages(30)
	out = append(out, "PK\x05\x06"...)
	out = append(out, unpacktest.LE(uint16(2), uint16(1), uint16(1), uint16(9), uint32(500), uint32(90000))...)
	return binary.LittleEndian.AppendUint16(out, 0)
}
