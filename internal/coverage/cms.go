package coverage

import (
	"bufio"
	"bytes"
	"io"
)

// isSignedCMS recognises a signed message of S/MIME or CMS (RFC 5652, 5), which
// may hold what is signed.
func isSignedCMS(_ node, head []byte) bool {
	if len(head) < 24 || head[0] != 0x30 {
		return false
	}
	skip := 2
	if head[1] > 0x80 && head[1] <= 0x84 {
		skip += int(head[1] & 0x0f)
	}
	return bytes.HasPrefix(head[skip:], []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"))
}

// walkSignedCMS shows the content, which openssl writes in pieces of 4 KiB.
func walkSignedCMS(w *walk, n node) error {
	return w.decoded(n, "content", &octets{in: bufio.NewReader(n.at(0, n.size))})
}

// octets are the octet strings that come first in BER, put together.
type octets struct {
	in    *bufio.Reader
	left  int64
	begun bool
}

func (o *octets) Read(p []byte) (int, error) {
	for o.left == 0 {
		tag, size, err := o.next()
		switch {
		case err != nil:
			return 0, err
		case tag == 0x04:
			o.begun, o.left = true, size
		case tag == 0 || tag == 0x24: // an end, or more in pieces
		case o.begun:
			return 0, io.EOF
		case tag&0x20 == 0:
			if _, err := io.CopyN(io.Discard, o.in, size); err != nil {
				return 0, err
			}
		}
	}
	n, err := o.in.Read(p[:min(int64(len(p)), o.left)])
	o.left -= int64(n)
	return n, err
}

// next reads a tag and a length, 0 of one that is left open (X.690, 8.1).
func (o *octets) next() (tag byte, size int64, err error) {
	if tag, err = o.in.ReadByte(); err != nil {
		return 0, 0, err
	}
	b, err := o.in.ReadByte()
	if err != nil || b < 0x80 {
		return tag, int64(b), err
	}
	if b > 0x86 || tag&0x1f == 0x1f {
		return 0, 0, io.EOF
	}
	for range b & 0x0f {
		next, err := o.in.ReadByte()
		if err != nil {
			return 0, 0, err
		}
		size = size<<8 | int64(next)
	}
	return tag, size, nil
}
