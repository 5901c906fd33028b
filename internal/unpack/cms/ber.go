package cms

import (
	"bufio"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Tags of BER (X.690, 8.1.2 and 8.14).
const (
	tagEndOfContents    = 0x00
	tagOctetString      = 0x04
	tagObjectIdentifier = 0x06
	tagOctetStrings     = 0x24 // an octet string in pieces
	tagSequence         = 0x30
	tagContext0         = 0xa0
)

// element is the tag and the length of a value in BER.
type element struct {
	tag  byte
	body int64 // offset of the value
	end  int64 // offset behind the value, -1 where the length is indefinite
}

// elementAt reads the tag and the length at an offset (X.690, 8.1). ok is false where
// they cannot be read. A length beyond the end of c is cut to the size of c.
func elementAt(c unpack.Content, at int64) (e element, ok bool) {
	const maxLengthBytes = 0x7f // a length may have any number of leading zeros
	h := c.Peek(at, 2+maxLengthBytes)
	const highTag = 0x1f // a tag of more than one byte, which CMS does not use
	if len(h) < 2 || h[0]&highTag == highTag {
		return e, false
	}
	e = element{tag: h[0], body: at + 2}
	lengthBytes := int(h[1] & 0x7f)
	switch {
	case h[1] < 0x80:
		e.end = e.body + int64(h[1])
		return e, true
	case lengthBytes == 0:
		e.end = -1
		return e, true
	case lengthBytes > len(h)-2:
		return e, false
	}
	size := int64(0)
	for _, b := range h[2 : 2+lengthBytes] {
		size = min(size<<8|int64(b), c.Size())
	}
	e.body += int64(lengthBytes)
	e.end = e.body + size
	return e, true
}

// after returns the offset behind an element. ok is false where an element of
// indefinite length has no end, or has more parts than any in front of a content.
func (e element) after(c unpack.Content) (at int64, ok bool) {
	const maxParts = 1000
	if e.end >= 0 {
		return e.end, true
	}
	at = e.body
	open := 1 // elements of indefinite length in one another
	for range maxParts {
		inner, ok := elementAt(c, at)
		switch {
		case !ok:
			return 0, false
		case inner.tag == tagEndOfContents:
			at = inner.body
			if open--; open == 0 {
				return at, true
			}
		case inner.end < 0:
			at, open = inner.body, open+1
		default:
			at = inner.end
		}
	}
	return 0, false
}

// newOctets returns a reader of the octet string at an offset: one element, or pieces
// (X.690, 8.7), which openssl makes of 4 KiB each.
func newOctets(c unpack.Content, at int64) io.Reader {
	return &octets{c: c, at: at, piece: bufio.NewReader(c.Section(at, 0))}
}

// octets joins the pieces of an octet string.
type octets struct {
	c     unpack.Content
	at    int64         // of the element behind the piece
	piece *bufio.Reader // the piece that is read
	left  int64         // bytes of the piece that were not read
}

func (o *octets) Read(p []byte) (int, error) {
	for o.left == 0 {
		e, ok := elementAt(o.c, o.at)
		switch {
		case !ok:
			return 0, io.ErrUnexpectedEOF
		case e.tag == tagOctetStrings, e.tag == tagEndOfContents:
			o.at = e.body
		case e.tag != tagOctetString || e.end < 0:
			return 0, io.EOF
		default:
			o.left, o.at = e.end-e.body, e.end
			o.piece.Reset(o.c.Section(e.body, o.left))
		}
	}
	n, err := o.piece.Read(p[:min(int64(len(p)), o.left)])
	o.left -= int64(n)
	return n, bounded.Unexpected(err)
}
