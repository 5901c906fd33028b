package coverage

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/pierrec/lz4/v4"

	"github.com/lazaret/lazaret/internal/job"
)

// allSigns are the containers that search knows, in any order.
func allSigns() []sign {
	return slices.Concat(closedSigns(), base64Signs(), []sign{
		{"LZIP\x01", 0, streamAt("lzip", 26, func(b []byte) bool { return b[5]&0x1f >= 12 && b[5]&0x1f <= 29 && b[6] == 0 }, newLzip), false},
		{"\x5d\x00\x00", 0, streamAt("lzma", 18, looksLZMA, foundLZMA), false},
		{"\x1f\x9d", 0, streamAt("compress", 12, isZ, newZ), false},
		{"\xff\x06\x00\x00sNaPpY", 0, streamAt("snappy", 14, nil, newSnappy), false},
		{"\xff\x06\x00\x00S2sTwO", 0, streamAt("snappy", 14, nil, newSnappy), false},
		{"SZDD\x88\xf0\x27\x33", 0, streamAt("SZDD", 14, isSZDD, newSZDD), false},
		{zisofsMagic, 0, formAt(16, isZisofs, packed("zisofs", openZisofs, false), false), false},
		{gitMagic, 0, gitAt, false},
		{"\x1f\x8b\x08", 0, streamAt("gzip", 10, nil, nil), false},
		{"\xfd7zXZ\x00", 0, streamAt("xz", 12, isXZ, newXZ), false},
		{"\x28\xb5\x2f\xfd", 0, streamAt("zstd", 6, nil, newZstd), false},
		{"\x04\x22\x4d\x18", 0, streamAt("lz4", 7, nil, newLZ4), false},
		{"\x02\x21\x4c\x18", 0, streamAt("lz4", 8, nil, newLZ4), false},
		{"BZh", 0, streamAt("bzip2", 10, isBzip2, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }), false},
		{"ustar", 257, formAt(tarBlock, tarSum, tarForm, false), false},
		{"070701", 0, formAt(110, isCpio, form{name: "cpio", walk: walkCpio}, false), false},
		{"070702", 0, formAt(110, isCpio, form{name: "cpio", walk: walkCpio}, false), false},
		{"070707", 0, formAt(76, isCpio, form{name: "cpio", walk: walkCpio}, false), false},
		{"!<arch>\n", 0, formAt(68, func(b []byte) bool { return string(b[66:68]) == "`\n" }, form{name: "ar", walk: walkAr}, false), false},
		{"7z\xbc\xaf\x27\x1c", 0, formAt(32, begins7z, form{name: "7z", walk: walk7z}, true), false},
		{rar4Magic, 0, formAt(20, rar4Begins, form{name: "rar", walk: walkRAR}, true), false},
		{rar5Magic, 0, formAt(140, rar5Begins, form{name: "rar", walk: walkRAR}, true), false},
		{zipLocal, 0, zipAt, false},
		{"hsqs", 0, formAt(32, isSquash, form{name: "squashfs", walk: cannotOpen("squashfs")}, true), false},
		{"MSWIM\x00\x00\x00", 0, formAt(16, func(b []byte) bool { return binary.LittleEndian.Uint32(b[8:]) == 208 }, form{name: "wim", walk: cannotOpen("WIM image")}, true), false},
		{"MSCF\x00\x00\x00\x00", 0, cabAt, false},
		{"\x60\xea", 0, shownAt(64, isARJ), false},
		{"-lh", 2, shownAt(32, isLHA), false},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, shownAt(512, func(b []byte) bool { return b[28] == 0xfe && b[29] == 0xff }), false},
		{"\x01CD001\x01", isoStart, isoAt, false},
		{"begin", 0, uuAt, true},
		{"=ybegin", 0, yencAt, true},
		{binhexMark, 0, binhexAt, true},
		{`\objdata`, 0, hexAt, true},
	})
}

// streamAt unpacks one compressed stream. Its magic is short, and chance makes
// it: what cannot be unpacked is no refusal, but what came out of it is shown.
func streamAt(kind string, least int64, is func([]byte) bool, open func(io.Reader) (io.Reader, error)) func(*walk, node, string, int64) (int64, error) {
	return func(w *walk, n node, name string, at int64) (int64, error) {
		head := make([]byte, least)
		if n.read(head, at) != nil || is != nil && !is(head) {
			return 0, nil
		}
		in := &counted{r: n.at(at, n.size-at)}
		buffered := bufio.NewReaderSize(in, 32<<10)
		var r io.Reader = &gzipMembers{in: buffered}
		exact := open == nil
		if !exact {
			var err error
			if r, err = open(buffered); err != nil {
				return 0, w.noStream()
			}
		}
		body, failure := w.spool(r)
		if c, ok := r.(io.Closer); ok {
			c.Close()
		}
		defer w.drop(body)
		if failure != nil && !isDamage(failure) {
			return 0, failure
		}
		if failure != nil || body.size == 0 {
			if err := w.noStream(); err != nil || body.size == 0 {
				return 0, err
			}
		}
		m, err := w.member(n, name+"/"+kind)
		if err != nil {
			return 0, err
		}
		if err := w.show(m, body); err != nil {
			return 0, err
		}
		before := w.refused
		m.r, m.size = body, body.size
		if err := w.look(m); err != nil {
			return 0, err
		}
		if failure != nil && !follows(failure) {
			w.refused = before // a part of something is as good as damaged
		}
		if exact && failure == nil {
			return at + in.n - int64(buffered.Buffered()), nil
		}
		return at + least, nil
	}
}

// maxNoStreams is far more than chance makes: of random bytes, one in 16 million
// begins like a gzip. A file of magics alone would take minutes a megabyte.
const maxNoStreams = 1000

// noStream counts what began like a stream and is none, or only part of one.
func (w *walk) noStream() error {
	if w.noStreams++; w.noStreams > maxNoStreams {
		return exceeded(job.LimitFiles, "more than %d beginnings of streams that are none", maxNoStreams)
	}
	return nil
}

func newLZ4(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }

func isXZ(b []byte) bool { return crc32.ChecksumIEEE(b[6:8]) == binary.LittleEndian.Uint32(b[8:]) }

func isBzip2(b []byte) bool {
	return b[3] >= '1' && b[3] <= '9' && (string(b[4:]) == "1AY&SY" || string(b[4:]) == "\x17rE8P\x90")
}

func isCpio(b []byte) bool {
	_, _, ok := cpioSizes(b, string(b[:6]) == "070707")
	return ok
}

// isSquash checks what follows from each other in a superblock of version 4.
func isSquash(b []byte) bool {
	le := binary.LittleEndian
	log := le.Uint16(b[22:])
	return log >= 12 && log <= 20 && le.Uint32(b[12:]) == 1<<log && le.Uint16(b[28:]) == 4
}

// isARJ checks the CRC of the archive's header, which is of file type 2 (arj's
// TECHNOTE.TXT).
func isARJ(b []byte) bool {
	size := int(binary.LittleEndian.Uint16(b[2:]))
	return b[10] == 2 && size >= 30 && size+8 <= len(b) && crc32.ChecksumIEEE(b[4:4+size]) == binary.LittleEndian.Uint32(b[4+size:])
}

// isLHA checks the sum over a header of level 0 or 1, and the little that one
// of level 2 can be told by.
func isLHA(b []byte) bool {
	if b[6] != '-' || b[20] > 2 {
		return false
	}
	if b[20] == 2 {
		return b[1] == 0 && b[0] >= 26
	}
	if size := int(b[0]); size < 20 || size+2 > len(b) {
		return false
	}
	var sum byte
	for _, c := range b[2 : 2+int(b[0])] {
		sum += c
	}
	return sum == b[1]
}

// formAt opens a form that the engine did not notice here, or may not have.
func formAt(size int64, is func([]byte) bool, f form, sure bool) func(*walk, node, string, int64) (int64, error) {
	return func(w *walk, n node, name string, at int64) (int64, error) {
		head := make([]byte, min(size, n.size-at))
		if err := n.read(head, at); err != nil {
			return 0, err
		}
		if f.name != "rar" && f.name != "lzop" && int64(len(head)) < size || !is(head) {
			return 0, nil
		}
		return w.found(n, name+"/"+f.name, at, f, sure)
	}
}

// shownAt gives the rest of n to the engine as a file of its own: a kind that
// only the engine opens.
func shownAt(most int64, is func([]byte) bool) func(*walk, node, string, int64) (int64, error) {
	return func(w *walk, n node, name string, at int64) (int64, error) {
		head := make([]byte, most)
		got, _ := n.at(at, most).ReadAt(head, 0)
		if got < 32 || !is(head) {
			return 0, nil
		}
		return n.size, w.region(n, name, at, n.size-at, false)
	}
}

func cabAt(w *walk, n node, name string, at int64) (int64, error) {
	var h [36]byte
	if n.read(h[:], at) != nil {
		return 0, nil
	}
	size := int64(binary.LittleEndian.Uint32(h[8:]))
	if size < 36 || size > n.size-at || h[25] != 1 { // version 1.3
		return 0, nil
	}
	return at + size, w.region(n, name, at, size, false)
}

// zipAt opens a zip with something around it. One without a directory is taken
// for bytes that only look like one, after the member that begins here was tried.
func zipAt(w *walk, n node, name string, at int64) (int64, error) {
	var h [30]byte
	if n.read(h[:], at) != nil || h[5] != 0 || h[4] > 63 || binary.LittleEndian.Uint16(h[26:]) == 0 {
		return 0, nil
	}
	part := node{r: n.at(at, n.size-at), size: n.size - at, path: n.path, depth: n.depth, hidden: true}
	if _, ok, err := findZipEnd(part); err != nil || ok {
		if err != nil {
			return 0, err
		}
		return w.found(n, name+"/zip", at, zipForm, false)
	}
	le := binary.LittleEndian
	if data := 30 + int64(le.Uint16(h[26:])) + int64(le.Uint16(h[28:])); h[6]&zipDescribed != 0 && h[8] == 8 { // ends where deflate does
		return streamAt("zip", 1, nil, func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil })(w, n, name, at+data)
	}
	m, err := part.zipLocalMember(zipMember{name: name, unlisted: true})
	if err != nil {
		return 0, nil
	}
	before := w.refused
	if err := w.settle(n, w.zipMember(part, m)); err != nil {
		return 0, err
	}
	w.refused = before
	return 0, nil
}

// isoAt opens a CD image that something stands in front of.
func isoAt(w *walk, n node, name string, at int64) (int64, error) {
	var h [132]byte
	if at < 0 || n.read(h[:], at+isoStart) != nil || !isISOVolume(h[:]) {
		return 0, nil
	}
	part := node{r: n.at(at, n.size-at), size: n.size - at, path: n.path, depth: n.depth}
	size := min(part.size, isoSize(h[:]))
	return at + max(size, isoStart+2048), w.isoAlone(part, name, size)
}
