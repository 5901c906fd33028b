package coverage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"regexp"
)

// Files that text carries. Each decodes one line, or a part of one, and is done
// at the first that is not of its kind.

// uuAt decodes what uuencode makes, which may follow any text: the engine looks
// for it at the beginning of a file only, and not for its form in base64.
func uuAt(w *walk, n node, name string, at int64) (int64, error) {
	var head [20]byte
	got, _ := n.at(at, int64(len(head))).ReadAt(head[:], 0)
	mode, plain := bytes.CutPrefix(head[:got], []byte("begin "))
	decode := uuLine
	if !plain {
		if mode, plain = bytes.CutPrefix(head[:got], []byte("begin-base64 ")); !plain {
			return 0, nil
		}
		decode = base64Line
	}
	if len(mode) < 4 || !octal(mode[0]) || !octal(mode[1]) || !octal(mode[2]) {
		return 0, nil
	}
	return w.textAt(n, name+"/uuencode", at, decode)
}

func octal(b byte) bool { return b >= '0' && b <= '7' }

func uuLine(out, line []byte) ([]byte, bool) {
	if len(line) == 0 {
		return out, false
	}
	size := int(line[0]-' ') & 63
	if line[0] < ' ' || line[0] > '`' || size == 0 {
		return out, false
	}
	line = line[1:]
	for size > 0 {
		var four [4]byte
		copy(four[:], line)
		line = line[min(4, len(line)):]
		for i := range four {
			if four[i] != 0 && (four[i] < ' ' || four[i] > '`') {
				return out, false
			}
			four[i] = (four[i] - ' ') & 63
		}
		three := []byte{four[0]<<2 | four[1]>>4, four[1]<<4 | four[2]>>2, four[2]<<6 | four[3]}
		out = append(out, three[:min(3, size)]...)
		size -= 3
	}
	return out, true
}

func base64Line(out, line []byte) ([]byte, bool) {
	part, err := base64.StdEncoding.AppendDecode(out, line)
	return part, err == nil && len(line) > 0
}

// yencAt decodes yEnc (yenc.org, draft 1.3), of which one part is shown as it is.
func yencAt(w *walk, n node, name string, at int64) (int64, error) {
	var head [128]byte
	got, _ := n.at(at, int64(len(head))).ReadAt(head[:], 0)
	if !yencHead.Match(head[:got]) {
		return 0, nil
	}
	return w.textAt(n, name+"/yEnc", at, func(out, line []byte) ([]byte, bool) {
		if bytes.HasPrefix(line, []byte("=y")) {
			return out, bytes.HasPrefix(line, []byte("=ypart"))
		}
		for i := 0; i < len(line); i++ {
			c := line[i]
			if c == '=' && i+1 < len(line) {
				i++
				c = line[i] - 64
			}
			out = append(out, c-42)
		}
		return out, true
	})
}

// yencHead is the first line, with the part that it is of a file in several.
var yencHead = regexp.MustCompile(`\A=ybegin (?:(?:part|total)=[0-9]+ ){0,2}line=[0-9]`)

// hexAt decodes an object in a rich text document, which begins with a header
// of its own.
func hexAt(w *walk, n node, name string, at int64) (int64, error) {
	var head [8]byte
	if n.read(head[:], at) != nil || string(head[:]) != `\objdata` {
		return 0, nil
	}
	in := bufio.NewReader(n.at(at+int64(len(head)), n.size))
	return 0, w.decoded(n, name+"/object", hex.NewDecoder(&digits{in: in}))
}

// digits are the hexadecimal digits up to anything but white space.
type digits struct{ in *bufio.Reader }

func (d *digits) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c, err := d.in.ReadByte()
		switch {
		case err != nil:
			return n, err
		case c == ' ' || c == '\r' || c == '\n' || c == '\t':
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			p[n] = c
			n++
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

// textAt decodes the lines after the one at an offset.
func (w *walk) textAt(n node, name string, at int64, decode func(out, line []byte) ([]byte, bool)) (int64, error) {
	in := bufio.NewReader(n.at(at, n.size))
	if _, err := in.ReadSlice('\n'); err != nil {
		return 0, nil
	}
	return 0, w.decoded(n, name, &decodedLines{in: in, decode: decode})
}

// decoded shows what was hidden in text. Nothing says where its end should be.
func (w *walk) decoded(n node, name string, r io.Reader) error {
	in := bufio.NewReader(&forgiving{r: r, forgive: true})
	if _, err := in.Peek(6); err != nil {
		return nil
	}
	return w.stream(n, name, in, false)
}

// decodedLines decodes line by line. Longer ones than its buffer are not of any kind.
type decodedLines struct {
	in     *bufio.Reader
	decode func(out, line []byte) ([]byte, bool)
	out    []byte
	done   bool
}

func (l *decodedLines) Read(p []byte) (int, error) {
	for len(l.out) == 0 {
		if l.done {
			return 0, io.EOF
		}
		line, err := l.in.ReadSlice('\n')
		var more bool
		l.out, more = l.decode(l.out[:0], bytes.TrimRight(line, "\r\n"))
		l.done = err != nil || !more
	}
	n := copy(p, l.out)
	l.out = l.out[n:]
	return n, nil
}
