package tnef

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// compressedFormat returns the format of rich text that MAPI has compressed
// (MS-OXRTFCP).
func compressedFormat() unpack.Format {
	return unpack.Format{
		Name:   "compressed rich text",
		Opens:  "the rich text of Outlook's messages",
		Magics: []unpack.Magic{{At: 8, Text: magicCompressed}, {At: 8, Text: magicStored}},
		Match:  func(_ unpack.Content, head []byte) bool { return len(head) > compressedHeader },
		Walk:   walkCompressed,
	}
}

const (
	magicCompressed = "LZFu"
	magicStored     = "MELA"
	// compressedHeader is in bytes: the compressed size, the size of the text, the
	// magic, and a CRC (MS-OXRTFCP, 2.1.3.1).
	compressedHeader = 16
)

func walkCompressed(v *unpack.Visitor, c unpack.Content) error {
	var header [compressedHeader]byte
	if err := c.Fill(header[:], 0); err != nil {
		return err
	}
	if string(header[8:12]) == magicStored {
		return v.Region("text", compressedHeader, c.Size()-compressedHeader)
	}
	text := expand(c.Reader(compressedHeader))
	announced := bounded.Exactly(text, int64(binary.LittleEndian.Uint32(header[4:])))
	// Some readers end at the mark of the end, and not at the size.
	return v.Stream("text", io.MultiReader(announced, bounded.UntilError(text)))
}

// initialDictionary is what the dictionary contains before the first byte
// (MS-OXRTFCP, 2.1.2.1).
const initialDictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}` +
	`{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier` +
	`{\colortbl\red0\green0\blue0` + "\r\n" +
	`\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// expand returns a reader of the text in a compressed stream.
func expand(in *bufio.Reader) io.Reader {
	e := &expander{in: in}
	e.at = copy(e.dictionary[:], initialDictionary)
	return bounded.Blocks(e.run)
}

// expander unpacks a stream of runs. A run is a control byte and eight tokens, each a
// byte or a reference to the last 4096 bytes (MS-OXRTFCP, 2.1.3.2). The bits of the
// control byte say which, the lowest bit first.
type expander struct {
	in         *bufio.Reader
	dictionary [1 << 12]byte
	at         int // where the next byte goes
	out        []byte
}

// run unpacks one run.
func (e *expander) run() ([]byte, error) {
	e.out = e.out[:0]
	control, err := e.in.ReadByte()
	if err != nil {
		return nil, bounded.Unexpected(err)
	}
	for range 8 {
		token, err := e.in.ReadByte()
		if err != nil {
			return e.out, bounded.Unexpected(err)
		}
		if control&1 == 0 {
			e.put(token)
		} else if err := e.reference(token); err != nil {
			return e.out, err
		}
		control >>= 1
	}
	return e.out, nil
}

// reference copies the bytes to which a token of two bytes refers: an offset in 12
// bits and a length in 4. A reference to the next byte is the end of the stream.
func (e *expander) reference(first byte) error {
	second, err := e.in.ReadByte()
	if err != nil {
		return bounded.Unexpected(err)
	}
	from, length := int(first)<<4|int(second)>>4, int(second&15)+2
	if from == e.at {
		return io.EOF
	}
	for i := range length {
		e.put(e.dictionary[(from+i)%len(e.dictionary)])
	}
	return nil
}

func (e *expander) put(c byte) {
	e.dictionary[e.at] = c
	e.at = (e.at + 1) % len(e.dictionary)
	e.out = append(e.out, c)
}
