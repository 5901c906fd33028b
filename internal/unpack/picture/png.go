// Package picture opens PNG pictures: texts and colour profiles in them that are
// compressed. The pixels are not unpacked, because no program reads them as
// anything but colours. A text that cannot be unpacked is shown as far as it can be,
// and not refused, because programs that read pictures skip it.
package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// The layout is in PNG's second edition (ISO 15948), 5.3 and 11.3.
const (
	pngMagic = "\x89PNG\r\n\x1a\n"
	// chunkHeader is in bytes: the size of the data, and the type.
	chunkHeader = 8
	// chunkOverhead is in bytes: the header, and the CRC-32 behind the data.
	chunkOverhead = 12
	// maxName is how many bytes in front of compressed text are searched for the end
	// of names and languages. The standard allows a keyword of 79 bytes.
	maxName = 1 << 10
	// maxChunksInOther is how many chunks are read of a picture within other content:
	// texts are among the first, and many magics may lead to the same chunks.
	maxChunksInOther = 16
)

// PNG returns the PNG format.
func PNG() unpack.Format {
	return unpack.Format{
		Name:   "PNG",
		Opens:  "compressed texts and colour profiles",
		Magics: []unpack.Magic{{Text: pngMagic}},
		Beside: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			return chunks(v, 0, int(c.Size()/chunkOverhead))
		},
		Marks: []unpack.Mark{{Text: pngMagic, Open: func(v *unpack.Visitor, at int64) (int64, error) {
			return at + int64(len(pngMagic)), chunks(v, at, maxChunksInOther)
		}}},
	}
}

// chunks shows what is compressed in the first most chunks of the picture that
// begins at start.
func chunks(v *unpack.Visitor, start int64, most int) error {
	c := v.Content()
	at := start + int64(len(pngMagic))
	for range most {
		header := c.Peek(at, chunkHeader)
		if len(header) < chunkHeader {
			return nil
		}
		size, kind := int64(binary.BigEndian.Uint32(header)), string(header[4:])
		at += chunkHeader
		if err := chunk(v, kind, c.Part(at, size)); err != nil {
			return err
		}
		if at += size + chunkOverhead - chunkHeader; kind == "IEND" {
			return nil
		}
	}
	return nil
}

// chunk shows what is compressed in the data of one chunk.
func chunk(v *unpack.Visitor, kind string, data unpack.Content) error {
	at := compressedAt(kind, data.Peek(0, maxName))
	if at == 0 {
		return nil
	}
	z, err := zlib.NewReader(data.Section(at, data.Size()))
	if err != nil { // readers skip the chunk
		return nil
	}
	return v.Stream(kind, bounded.UntilError(z))
}

// compressedAt returns where the zlib stream begins in a chunk of which head are
// the first bytes, or 0 where the chunk has none.
func compressedAt(kind string, head []byte) int64 {
	nameEnd := bytes.IndexByte(head, 0)
	switch {
	case nameEnd < 0 || nameEnd+2 >= len(head):
		return 0
	case kind == "zTXt" || kind == "iCCP":
		return int64(nameEnd + 2) // behind one byte for the method
	case kind != "iTXt" || head[nameEnd+1] == 0: // the byte says whether the text is compressed
		return 0
	}
	at := nameEnd + 3 // behind one byte for the method
	for range 2 {     // the language, and the keyword in that language
		end := bytes.IndexByte(head[min(at, len(head)):], 0)
		if end < 0 {
			return 0
		}
		at += end + 1
	}
	return int64(at)
}
