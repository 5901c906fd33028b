// Package stream opens files that are one compressed stream.
package stream

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// Formats are the streams that this package opens.
func Formats() []unpack.Format {
	return []unpack.Format{
		gzipFormat(),
		kind{
			name: "bzip2", opens: "all streams", magics: []string{"BZh"}, open: decode.Bzip2,
			head: 10, is: isBzip2,
		}.format(),
		kind{
			name: "xz", opens: "all streams; a dictionary above 128 MiB is refused", magics: []string{"\xfd7zXZ\x00"},
			open: decode.XZ,
			head: 12, is: func(b []byte) bool { return crc32.ChecksumIEEE(b[6:8]) == binary.LittleEndian.Uint32(b[8:]) },
		}.format(),
		kind{
			name: "zstd", opens: "all frames; a window above 128 MiB, or a dictionary of its own, is refused",
			magics: []string{zstdMagic}, open: decode.Zstd, head: 6,
		}.format(),
		kind{
			name: "lz4", opens: "all frames, those of old versions too",
			magics: []string{lz4Magic, "\x02\x21\x4c\x18"}, open: decode.LZ4, head: 7,
		}.format(),
		skippableFormat(),
		legacyFormat(),
		kind{
			name: "compress", opens: "`.Z`; a missing end cannot be noticed",
			magics: []string{"\x1f\x9d"}, open: decode.Z, head: 12, is: isCompress,
		}.format(),
		kind{
			name: "lzip", opens: "all members; a dictionary above 128 MiB is refused",
			magics: []string{"LZIP\x01"}, open: decode.Lzip, head: 26, is: isLzip,
		}.format(),
		kind{
			name: "snappy", opens: "framed snappy and S2", magics: []string{"\xff\x06\x00\x00sNaPpY", "\xff\x06\x00\x00S2sTwO"},
			open: decode.Snappy, head: 14,
		}.format(),
		lzmaFormat(),
		zlibFormat(),
	}
}

const (
	zstdMagic = "\x28\xb5\x2f\xfd"
	lz4Magic  = "\x04\x22\x4d\x18"
)

// kind is a format whose files are one stream, and which has a magic.
type kind struct {
	name   string
	opens  string
	magics []string
	open   func(io.Reader) (io.Reader, error)
	// head is the least number of bytes of a stream. is checks them where a stream may
	// begin in the middle of other content; nil accepts all.
	head int
	is   func(head []byte) bool
}

func (k kind) format() unpack.Format {
	f := unpack.Format{
		Name:  k.name,
		Opens: k.opens,
		Whole: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			r, err := k.open(c.Reader(0))
			if err != nil {
				return damage(err)
			}
			return v.Stream(k.name, r)
		},
	}
	for _, text := range k.magics {
		f.Magics = append(f.Magics, unpack.Magic{Text: text})
		f.Marks = append(f.Marks, unpack.Mark{Text: text, Open: At(k.name, k.head, k.is, k.open)})
	}
	return f
}

// At returns a Mark.Open for streams with a short mark (unpack.Visitor.TryStream). head
// is the least number of bytes of a stream, and is checks them; nil accepts all.
func At(
	name string, head int, is func([]byte) bool, open func(io.Reader) (io.Reader, error),
) func(*unpack.Visitor, int64) (int64, error) {
	return func(v *unpack.Visitor, at int64) (int64, error) {
		b := v.Content().Peek(at, head)
		if len(b) < head || is != nil && !is(b) {
			return 0, nil
		}
		// A small buffer: most streams that begin by chance end after some bytes.
		r, err := open(bufio.NewReaderSize(v.Content().Section(at, v.Content().Size()), 4<<10))
		if err != nil {
			r = nil
		}
		if _, err = v.TryStream(name, r); err != nil {
			return 0, err
		}
		return at + int64(head), nil
	}
}

// damage is the refusal for an error of a decoder at the beginning of a stream.
func damage(err error) error {
	if unpack.IsRefusal(err) {
		return err
	}
	return unpack.Damaged("%v", bounded.Unexpected(err))
}

func isBzip2(b []byte) bool {
	return b[3] >= '1' && b[3] <= '9' && (string(b[4:]) == "1AY&SY" || string(b[4:]) == "\x17rE8P\x90")
}

// isLzip checks the bytes after the version: the size of the dictionary, and the first
// byte of the stream, which is always 0.
func isLzip(b []byte) bool { return b[5]&0x1f >= 12 && b[5]&0x1f <= 29 && b[6] == 0 }

// isCompress checks that the first eight codes stand for bytes.
func isCompress(b []byte) bool {
	if b[2]&0xe0 != 0x80 || b[2]&0x1f < 9 || b[2]&0x1f > 16 {
		return false
	}
	for i := range uint(8) {
		code := uint(b[3+i*9/8])>>(i*9%8) | uint(b[4+i*9/8])<<(8-i*9%8)
		if code&0x1ff > 256+i || i == 0 && code&0x1ff > 255 {
			return false
		}
	}
	return true
}

// zlibFormat is a file that is one zlib stream. It is recognised by two bytes, and one
// file of random bytes in 130 begins like that (RFC 1950, 2.2): if it cannot be
// unpacked, it is something else.
func zlibFormat() unpack.Format {
	return unpack.Format{
		Name:  "zlib",
		Opens: "a stream that is all of a file; a file that cannot be unpacked is taken for something else",
		Match: func(_ unpack.Content, head []byte) bool {
			return len(head) > 8 && IsZlib(head)
		},
		Guess: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			r, err := zlib.NewReader(c.Reader(0))
			if err != nil {
				return nil
			}
			_, err = v.TryStream("zlib", r)
			return err
		},
	}
}

// IsZlib checks the first two bytes of a zlib stream without a dictionary.
func IsZlib(head []byte) bool {
	return len(head) >= 2 && head[0]&0x8f == 8 && head[1]&0x20 == 0 && (uint(head[0])<<8|uint(head[1]))%31 == 0
}
