package pdf

import (
	"bufio"
	"encoding/ascii85"
	"encoding/hex"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

// decoder returns a reader of what one filter unpacks (ISO 32000-2, 7.4), or nil for
// filters of pictures and unknown ones.
func decoder(name name, parameters dictionary, in *bufio.Reader) io.Reader {
	switch name {
	case "FlateDecode", "Fl":
		// Readers look at neither the two bytes of zlib's header nor its checksum.
		_, _ = in.Discard(2)
		return predict(parameters, flate.NewReader(in))
	case "LZWDecode", "LZW":
		return predict(parameters, newLZW(in, parameters.integer("EarlyChange", 1) != 0))
	case "RunLengthDecode", "RL":
		return runLength(in)
	case "ASCIIHexDecode", "AHx":
		return hexDigits(in)
	case "ASCII85Decode", "A85":
		if mark, _ := in.Peek(2); string(mark) == "<~" {
			_, _ = in.Discard(2)
		}
		return ascii85.NewDecoder(&until{in: in, end: '~'})
	case "Crypt": // every key is tried on every stream, and no key too
		return in
	}
	return nil
}

// until reads up to a byte.
type until struct {
	in  *bufio.Reader
	end byte
}

func (u *until) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c, err := u.in.ReadByte()
		if err != nil || c == u.end {
			return n, io.EOF
		}
		p[n] = c
		n++
	}
	return n, nil
}

// hexDigits decodes hexadecimal digits up to '>', and ignores other bytes (7.4.2). A
// single digit at the end stands for itself and 0.
func hexDigits(in *bufio.Reader) io.Reader {
	var digits []byte
	return bounded.Blocks(func() ([]byte, error) {
		digits = digits[:0]
		for len(digits) < buffer {
			c, err := in.ReadByte()
			if err != nil || c == '>' {
				if len(digits)%2 == 1 {
					digits = append(digits, '0')
				}
				n, _ := hex.Decode(digits, digits)
				return digits[:n], io.EOF
			}
			if hexdigit.Value(c) >= 0 {
				digits = append(digits, c)
			}
		}
		n, _ := hex.Decode(digits, digits)
		return digits[:n], nil
	})
}

// runLength unpacks runs: a length and so many bytes, or one byte that is repeated
// (7.4.5).
func runLength(in *bufio.Reader) io.Reader {
	var run [128]byte
	return bounded.Blocks(func() ([]byte, error) {
		const end = 128
		length, err := in.ReadByte()
		switch {
		case err != nil || length == end:
			return nil, io.EOF
		case length < end:
			n, err := io.ReadFull(in, run[:int(length)+1])
			return run[:n], err
		}
		c, err := in.ReadByte()
		if err != nil {
			return nil, io.EOF
		}
		repeated := run[:257-int(length)]
		for i := range repeated {
			repeated[i] = c
		}
		return repeated, nil
	})
}
