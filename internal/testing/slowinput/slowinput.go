// Package slowinput makes files on which clamd takes much longer than their size suggests, for tests
// that measure clamd, and for tests that Lazaret limits the time. Only tests import it.
package slowinput

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// ZipOfEmpty returns a zip of n empty members after members with a byte each. Before 1.5, clamd clears
// its whole list of members for each empty member, if the number of members before it is a multiple of
// 100.
func ZipOfEmpty(before, n int) []byte {
	entries := make([]entry, 0, before+n)
	for i := range before {
		entries = append(entries, entry{name: fmt.Sprint("before-", i), content: []byte("x")})
	}
	for i := range n {
		entries = append(entries, entry{name: fmt.Sprint("empty-", i)})
	}
	return zipOf(entries)
}

// ZipOfFolders returns such a zip with folders as empty members.
func ZipOfFolders(n int) []byte {
	entries := make([]entry, 0, n)
	for i := range n {
		entries = append(entries, entry{name: fmt.Sprintf("folder-%d/", i)})
	}
	return zipOf(entries)
}

// ZipOfNowhere returns such a zip with entries of the directory whose members lie outside the file.
func ZipOfNowhere(n int) []byte {
	entries := []entry{{name: "here", content: []byte("x")}}
	for range 99 {
		entries = append(entries, entry{name: "here as well", content: []byte("x")})
	}
	for i := range n {
		entries = append(entries, entry{name: fmt.Sprint("nowhere-", i), content: []byte("x"), nowhere: true})
	}
	return zipOf(entries)
}

// entry is a member of a zip.
type entry struct {
	name    string
	content []byte
	nowhere bool // only in the directory, with an offset behind the end of the file
}

// zipOf writes stored members as APPNOTE 4.3 describes.
func zipOf(entries []entry) []byte {
	var file, directory bytes.Buffer
	for _, e := range entries {
		at, crc, size := uint32(file.Len()), crc32.ChecksumIEEE(e.content), uint32(len(e.content))
		if e.nowhere {
			at = 0x7ffffff0
		} else {
			put(&file, "PK\x03\x04", uint16(20), uint16(0), uint16(0), uint32(0), crc, size, size,
				uint16(len(e.name)), uint16(0), e.name, e.content)
		}
		put(&directory, "PK\x01\x02", uint16(20), uint16(20), uint16(0), uint16(0), uint32(0), crc, size, size,
			uint16(len(e.name)), uint16(0), uint16(0), uint16(0), uint16(0), uint32(0), at, e.name)
	}
	from, size, count := uint32(file.Len()), uint32(directory.Len()), uint16(len(entries))
	put(&file, directory.Bytes(), "PK\x05\x06", uint32(0), count, count, size, from, uint16(0))
	return file.Bytes()
}

// CabinetGoingBack returns a cabinet of n files of 10 bytes at the end of one folder with many blocks.
// Each file begins before the end of the file before it. clamd unpacks the folder from its beginning
// for each.
func CabinetGoingBack(n, blocks int) []byte {
	const block = 32 << 10
	content := bytes.Repeat([]byte("a page of some harmless words and blanks in between; "), block)[:block]
	packed := bytes.NewBufferString("CK")
	// clamd cannot read higher levels, and answers OK.
	w, err := flate.NewWriter(packed, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("deflate into memory: %v", err)) // bytes.Buffer returns no errors
	}
	var files, data bytes.Buffer
	for i := range n {
		put(&files, uint32(10), uint32(blocks*block-10-i%1000), uint16(0), uint16(0), uint16(0), uint16(0x20),
			fmt.Sprintf("f%d\x00", i))
	}
	for range blocks {
		put(&data, uint32(0), uint16(packed.Len()), uint16(block), packed.Bytes())
	}
	const header, folder = 36, 8
	first := header + folder + files.Len()
	var cabinet bytes.Buffer
	put(&cabinet, "MSCF", uint32(0), uint32(first+data.Len()), uint32(0), uint32(header+folder), uint32(0),
		uint8(3), uint8(1), uint16(1), uint16(n), uint16(0), uint16(0), uint16(0),
		uint32(first), uint16(blocks), uint16(1), files.Bytes(), data.Bytes())
	return cabinet.Bytes()
}

// DiskImageOutOfOrder returns a DMG with one list of n stripes. They are in an order for which clamd's
// sort takes quadratic time without checking its time limit.
func DiskImageOutOfOrder(n int) []byte {
	half := n / 2
	var stripes bytes.Buffer
	stripe := func(sector int) {
		put(&stripes, big(uint32(2)), uint32(0), big(uint64(sector)), big(uint64(1)), uint64(0), uint64(0))
	}
	for s := half; s > 0; s-- {
		stripe(s)
	}
	stripe(half + 1)
	for s := n; s > half+1; s-- {
		stripe(s)
	}
	count := stripes.Len() / 40
	var list bytes.Buffer
	put(&list, "mish", big(uint32(1)), uint64(0), big(uint64(count)), make([]byte, 16), make([]byte, 24),
		big(uint32(2)), big(uint32(32)), make([]byte, 128), big(uint32(count)), stripes.Bytes())
	text := `<?xml version="1.0"?><plist version="1.0"><dict><key>resource-fork</key><dict>` +
		`<key>blkx</key><array><dict><key>Data</key><data>` +
		base64.StdEncoding.EncodeToString(list.Bytes()) + `</data></dict></array></dict></dict></plist>`
	const fork = 4096
	var image bytes.Buffer
	put(&image, make([]byte, fork), text)
	end := image.Len()
	put(&image, "koly", big(uint32(4)), big(uint32(512)), big(uint32(1)), make([]byte, 16), big(uint64(fork)),
		make([]byte, 16), big(uint32(1)), big(uint32(1)), make([]byte, 16+8+128), big(uint64(fork)),
		big(uint64(len(text))))
	put(&image, make([]byte, end+512-image.Len()))
	return image.Bytes()
}

// ScriptOfUnescape returns a page with one script of n calls. clamd replaces each call by its result,
// and moves the rest of the script each time.
func ScriptOfUnescape(n int) []byte {
	return []byte("<html><script>" + strings.Repeat("var a=unescape('%41%42');", n) + "</script></html>")
}

// bigEndian is a number that put writes in big-endian order.
type bigEndian struct{ number any }

// big returns number as a bigEndian.
func big(number any) bigEndian { return bigEndian{number: number} }

// put writes numbers in little-endian order, and strings and bytes as they are.
func put(b *bytes.Buffer, values ...any) {
	var err error
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b.WriteString(v)
		case []byte:
			b.Write(v)
		case bigEndian:
			err = binary.Write(b, binary.BigEndian, v.number)
		default:
			err = binary.Write(b, binary.LittleEndian, v)
		}
		if err != nil {
			panic(fmt.Sprintf("write %T: %v", v, err)) // binary.Write refuses types without a fixed size
		}
	}
}
