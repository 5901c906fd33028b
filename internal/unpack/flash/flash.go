// Package flash opens compressed Flash films (SWF): behind the first eight bytes,
// the rest of the film is compressed with zlib or lzma. Adobe's player is no longer
// made, but PDFs and Office documents contain films, and other players exist. A film
// that is damaged is shown as far as it can be unpacked, and not refused, because
// players play that part.
package flash

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

// The layout is in Adobe's "SWF File Format Specification", version 19, chapter 2.
const (
	// headerSize is in bytes: the signature, the version, and the size of the unpacked
	// film.
	headerSize = 8
	// lzmaHeaderSize is in bytes: the header, the size of the lzma stream, and five
	// bytes of lzma properties.
	lzmaHeaderSize = 17
	// maxVersion is higher than the version of any film.
	maxVersion = 60
	// maxProperties is one more than the highest first byte of lzma properties, in
	// which lc is less than 9, lp less than 5 and pb less than 5.
	maxProperties = 9 * 5 * 5
)

// Format returns the format of compressed Flash films.
func Format() unpack.Format {
	return unpack.Format{
		Name:   "Flash film",
		Opens:  "films compressed with zlib or lzma",
		Magics: []unpack.Magic{{Text: "CWS"}, {Text: "ZWS"}},
		Match:  func(_ unpack.Content, head []byte) bool { return isFilm(head) },
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			r, err := film(c, 0)
			if err != nil {
				return unpack.Damaged("unpack Flash film: %v", err)
			}
			return v.Stream("film", bounded.UntilError(r))
		},
		Marks: []unpack.Mark{{Text: "CWS", Open: open}, {Text: "ZWS", Open: open}},
	}
}

// open shows a film that may begin at an offset of other content.
func open(v *unpack.Visitor, at int64) (int64, error) {
	if !isFilm(v.Content().Peek(at, lzmaHeaderSize+1)) {
		return 0, nil
	}
	r, err := film(v.Content(), at)
	if err != nil {
		r = nil
	}
	_, err = v.TryStream("film", r)
	return at + headerSize, err
}

// isFilm reports whether head is the beginning of a compressed film.
func isFilm(head []byte) bool {
	if len(head) <= lzmaHeaderSize || head[3] > maxVersion || binary.LittleEndian.Uint32(head[4:]) <= headerSize {
		return false
	}
	if head[0] == 'Z' { // the first byte of every lzma stream is 0
		return head[12] < maxProperties && head[lzmaHeaderSize] == 0
	}
	_, err := zlib.NewReader(bytes.NewReader(head[headerSize:]))
	return err == nil
}

// film returns a reader of the film that begins at an offset, as it was before it
// was compressed.
func film(c unpack.Content, at int64) (io.Reader, error) {
	var header [lzmaHeaderSize]byte
	if err := c.Fill(header[:], at); err != nil {
		return nil, err
	}
	uncompressed := append([]byte("FWS"), header[3:headerSize]...)
	var r io.Reader
	var err error
	if header[0] == 'Z' {
		// The header of a .lzma file: the properties and the unpacked size.
		var lzmaHeader [13]byte
		copy(lzmaHeader[:], header[12:])
		size := binary.LittleEndian.Uint32(header[4:]) - headerSize
		binary.LittleEndian.PutUint64(lzmaHeader[5:], uint64(size))
		r, err = decode.LZMA(lzmaHeader, c.Reader(at+lzmaHeaderSize))
	} else {
		r, err = zlib.NewReader(c.Reader(at + headerSize))
	}
	if err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(uncompressed), r), nil
}
