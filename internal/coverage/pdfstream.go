package coverage

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"io"
	"regexp"
)

// pdfDictionary is as much of a stream's dictionary as is read: the filters
// stand in it.
const pdfDictionary = 1 << 10

// walkPDFStreams looks for containers in the streams of a PDF, attachments
// above all. The engine unpacks the streams; what it finds in them it may not
// be able to open. A stream is unpacked to its end only if it begins as a
// container, since most are pages and pictures.
func (w *walk) walkPDFStreams(n node) error {
	page := make([]byte, min(n.size, searchPage))
	word := []byte("stream")
	for at := int64(0); n.size-at > int64(len(word)); {
		b := page[:min(searchPage, n.size-at)]
		if err := n.read(b, at); err != nil {
			return err
		}
		for i := 0; ; i++ {
			next := bytes.Index(b[i:], word)
			if next < 0 {
				break
			}
			i += next
			if i > 3 && string(b[i-3:i]) == "end" {
				continue
			}
			if err := w.settle(n, w.pdfStream(n, at+int64(i))); err != nil {
				return err
			}
		}
		if int64(len(b)) == n.size-at {
			break
		}
		at += int64(len(b) - len(word))
	}
	return nil
}

var (
	pdfFilters = regexp.MustCompile(`/(?:Filter|F)\s*(?:\[([^\]]*)\]|(/[A-Za-z0-9]+))`)
	pdfFilter  = regexp.MustCompile(`/([A-Za-z0-9]+)`)
)

// pdfStream looks into the stream whose keyword stands at an offset.
func (w *walk) pdfStream(n node, at int64) error {
	from := max(0, at-pdfDictionary)
	dictionary := make([]byte, at-from)
	if err := n.read(dictionary, from); err != nil {
		return err
	}
	if i := bytes.LastIndex(dictionary, []byte(" obj")); i >= 0 {
		dictionary = dictionary[i:]
	}
	in := bufio.NewReaderSize(n.at(at+int64(len("stream")), n.size), 4<<10)
	if c, err := in.ReadByte(); err != nil || c != '\r' && c != '\n' {
		return nil
	} else if c == '\r' {
		if c, err := in.ReadByte(); err == nil && c != '\n' {
			_ = in.UnreadByte()
		}
	}
	var names [][][]byte
	if m := pdfFilters.FindSubmatch(dictionary); m != nil {
		names = pdfFilter.FindAllSubmatch(append(m[1], m[2]...), 8)
	}
	if len(names) == 0 {
		return nil // search sees it
	}
	var r io.Reader = in
	for _, name := range names {
		if r = pdfDecoder(string(name[1]), r); r == nil {
			return nil
		}
	}
	body := bufio.NewReaderSize(&forgiving{r: r, forgive: true}, headSize)
	head, _ := body.Peek(headSize)
	forms, err := recognise(node{r: bytes.NewReader(head), size: int64(len(head))})
	if err != nil || len(forms) == 0 {
		return err
	}
	return w.stream(n, "stream", body, true)
}

// pdfDecoder is one filter (ISO 32000-1, 7.4), nil for those of pictures.
func pdfDecoder(name string, r io.Reader) io.Reader {
	switch name {
	case "FlateDecode", "Fl":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil
		}
		return z
	case "ASCIIHexDecode", "AHx":
		return hex.NewDecoder(&digits{in: bufio.NewReader(r)})
	case "ASCII85Decode", "A85":
		return ascii85.NewDecoder(&until{r: bufio.NewReader(r), end: '~'})
	}
	return nil
}

// until ends before a byte.
type until struct {
	r   *bufio.Reader
	end byte
}

func (u *until) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c, err := u.r.ReadByte()
		if err != nil || c == u.end {
			return n, io.EOF
		}
		p[n] = c
		n++
	}
	return n, nil
}
