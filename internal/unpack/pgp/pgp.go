// Package pgp opens OpenPGP messages (RFC 9580) that are not encrypted: signed,
// compressed and plain ones. Encrypted messages are refused. Keys and signatures
// contain no files, and are not opened.
package pgp

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/zlib"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Format returns the OpenPGP message format.
func Format() unpack.Format {
	return unpack.Format{
		Name:      "OpenPGP",
		Opens:     "signed, compressed and plain messages; encrypted messages are refused",
		Match:     func(_ unpack.Content, head []byte) bool { return isMessage(head) },
		Scattered: true, // a literal packet may be in parts
		Walk:      walk,
	}
}

// isMessage recognises a message by its first packet. The first packets of keys are
// of other types.
func isMessage(head []byte) bool {
	in := bufio.NewReader(bytes.NewReader(head))
	p, err := readPacket(in)
	if err != nil {
		return false
	}
	switch p.kind {
	case typePublicSession, typeSharedSession, typeOnePass, typeSignature, typeCompressed, typeMarker, typeLiteral:
		start, _ := in.Peek(minBody)
		return p.plausible(start)
	}
	return false
}

// walk shows what a message contains, up to the first bytes that are not a packet of
// a message. They are not refused, because isMessage is right by chance for some
// other files: it sees two bytes of a compressed packet.
func walk(v *unpack.Visitor, c unpack.Content) error {
	in := c.Reader(0)
	session := false // there is an encrypted session key
	for first := true; ; first = false {
		p, err := readPacket(in)
		if err != nil {
			return nil
		}
		head, _ := in.Peek(minBody)
		if skipped := !first && p.kind >= firstUnknown; !skipped && !p.plausible(head) {
			return nil
		}
		b := &body{in: in, p: p}
		switch p.kind {
		case typePublicSession, typeSharedSession:
			session = true
		case typeSealed, typeOldSealed, typeSealedAEAD:
			if !session {
				return nil
			}
			if err := v.Refuse(unpack.Encrypted("encrypted OpenPGP message")); err != nil {
				return err
			}
		case typeCompressed:
			if err := showCompressed(v, bufio.NewReader(b)); err != nil {
				return err
			}
		case typeLiteral:
			r, ok := literal(bufio.NewReader(b))
			if !ok {
				break
			}
			if first { // the file may not be a message
				r = bounded.UntilError(r)
			}
			if err := v.Stream("literal", r); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, b); err != nil {
			return nil
		}
	}
}

// literal returns a reader of the file in a literal packet (RFC 9580, 5.9), behind
// the file's mode, name and date. ok is false where they are cut off.
func literal(in *bufio.Reader) (r io.Reader, ok bool) {
	head, _ := in.Peek(2) // the mode, and the length of the name
	if len(head) < 2 {
		return nil, false
	}
	const date = 4 // bytes
	if _, err := in.Discard(2 + int(head[1]) + date); err != nil {
		return nil, false
	}
	return in, true
}

// Compression algorithms (RFC 9580, 9.4). All others that a packet may have are
// bzip2.
const (
	algorithmNone = 0
	algorithmZip  = 1
	algorithmZlib = 2
)

// showCompressed shows the packets in a compressed packet.
func showCompressed(v *unpack.Visitor, in *bufio.Reader) error {
	algorithm, err := in.ReadByte()
	if err != nil {
		return nil
	}
	var unpacked io.Reader
	switch algorithm {
	case algorithmNone:
		unpacked = in
	case algorithmZip:
		unpacked = flate.NewReader(in)
	case algorithmZlib:
		if unpacked, err = zlib.NewReader(in); err != nil {
			unpacked = bytes.NewReader(nil)
		}
	default:
		unpacked = bzip2.NewReader(in)
	}
	inner := bufio.NewReader(unpacked)
	if head, _ := inner.Peek(unpack.HeadSize); !isMessage(head) {
		_, err := v.TryStream("compressed", nil)
		return err
	}
	return v.Stream("compressed", inner)
}
