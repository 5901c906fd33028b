package coverage

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
)

// Packets of an OpenPGP message (RFC 9580, 5). Keys and detached signatures are
// made of others, and are data here.
const (
	pgpPublicSession = 1
	pgpSignature     = 2
	pgpSharedSession = 3
	pgpOnePass       = 4
	pgpCompressed    = 8
	pgpOldSealed     = 9
	pgpMarker        = 10
	pgpLiteral       = 11
	pgpSealed        = 18
	pgpSealedAEAD    = 20 // of RFC 4880bis, which gpg writes
)

const pgpForm = "OpenPGP"

// pgpPacket is the beginning of a packet.
type pgpPacket struct {
	tag     int
	size    int64 // of the body, or of its first part
	partial bool  // further parts follow
	open    bool  // the body goes to the end of the file
}

// nextPGP reads a packet's header (RFC 9580, 4.2).
func nextPGP(r *bufio.Reader) (p pgpPacket, err error) {
	b, err := r.ReadByte()
	if err != nil {
		return p, err
	}
	if b&0x80 == 0 {
		return p, errPGP
	}
	if b&0x40 != 0 {
		p.tag = int(b & 0x3f)
		p.size, p.partial, err = partPGP(r)
		return p, err
	}
	p.tag = int(b >> 2 & 0x0f)
	if b&3 == 3 {
		p.open = true
		return p, nil
	}
	var n [4]byte
	_, err = io.ReadFull(r, n[4-1<<(b&3):])
	p.size = int64(binary.BigEndian.Uint32(n[:]))
	return p, unexpected(err)
}

// partPGP reads the length of a body or of a part of one.
func partPGP(r *bufio.Reader) (size int64, partial bool, err error) {
	b, err := r.ReadByte()
	switch {
	case err != nil:
	case b < 192:
		return int64(b), false, nil
	case b < 224:
		next, err := r.ReadByte()
		return int64(b-192)<<8 + int64(next) + 192, false, unexpected(err)
	case b < 255:
		return 1 << (b & 0x1f), true, nil
	default:
		var n [4]byte
		_, err = io.ReadFull(r, n[:])
		size = int64(binary.BigEndian.Uint32(n[:]))
	}
	return size, false, unexpected(err)
}

var errPGP = errors.New("no OpenPGP packet")

// pgpBody is the body of a packet, put together.
type pgpBody struct {
	in *bufio.Reader
	p  pgpPacket
}

func (b *pgpBody) Read(out []byte) (int, error) {
	if b.p.open {
		return b.in.Read(out)
	}
	for b.p.size == 0 {
		if !b.p.partial {
			return 0, io.EOF
		}
		var err error
		if b.p.size, b.p.partial, err = partPGP(b.in); err != nil {
			return 0, unexpected(err)
		}
	}
	n, err := b.in.Read(out[:min(int64(len(out)), b.p.size)])
	b.p.size -= int64(n)
	if ended(err) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// begins reports whether a packet of this kind can begin as head does: chance
// is to have a hard time.
func (p pgpPacket) begins(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch p.tag {
	case pgpPublicSession: // version, and algorithm after eight bytes of key or a fingerprint
		return p.size > 20 && p.size < 1<<13 && !p.partial && (head[0] == 2 || head[0] == 3 || head[0] == 6)
	case pgpSharedSession: // version, cipher, and how the key is made
		return p.size >= 4 && p.size < 200 && !p.partial && (head[0] == 4 && head[1] < 14 && head[2] <= 4 || head[0] == 5 && head[1] < 14 || head[0] == 6)
	case pgpOnePass: // version, and its length
		return !p.partial && (head[0] == 3 && p.size == 13 && head[1] <= 2 || head[0] == 6 && p.size > 13 && p.size < 100)
	case pgpSignature:
		return !p.partial && p.size > 10 && p.size < 1<<16 && head[0] >= 3 && head[0] <= 6
	case pgpCompressed:
		return head[0] <= 3
	case pgpMarker:
		return p.size == 3 && string(head[:3]) == "PGP"
	case pgpLiteral: // binary, text or UTF-8
		return head[0] == 'b' || head[0] == 't' || head[0] == 'u'
	case pgpSealed, pgpSealedAEAD:
		return head[0] == 1 || head[0] == 2
	}
	return p.tag == pgpOldSealed
}

// isPGP recognises a message by its first packet, strictly; walkPGP is stricter.
func isPGP(_ node, head []byte) bool {
	in := bufio.NewReader(bytes.NewReader(head))
	p, err := nextPGP(in)
	if err != nil {
		return false
	}
	switch p.tag {
	case pgpPublicSession, pgpSharedSession, pgpOnePass, pgpCompressed, pgpMarker, pgpLiteral:
		start, _ := in.Peek(4)
		return p.begins(start)
	}
	return false // a key, or a signature alone
}

// walkPGP takes what a message holds that is not encrypted, which nobody has
// unpacked. What turns out to be none is no refusal: two bytes are all that a
// compressed packet begins with.
func walkPGP(w *walk, n node) error {
	in := all(n)
	session := false
	for {
		p, err := nextPGP(in)
		if err != nil {
			return nil
		}
		if head, _ := in.Peek(4); !p.begins(head) {
			return nil
		}
		body := &pgpBody{in: in, p: p}
		switch p.tag {
		case pgpPublicSession, pgpSharedSession:
			session = true
		case pgpSealed, pgpOldSealed, pgpSealedAEAD:
			if session {
				return encrypted("OpenPGP message")
			}
			return nil
		case pgpCompressed, pgpLiteral:
			err = w.pgpContent(n, p, body)
		}
		if err = w.settle(n, err); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return nil
		}
	}
}

func (w *walk) pgpContent(n node, p pgpPacket, body *pgpBody) error {
	in := bufio.NewReader(body)
	head, _ := in.Peek(2)
	if len(head) < 2 {
		return nil
	}
	if p.tag == pgpLiteral { // mode, name, date
		if _, err := in.Discard(2 + int(head[1]) + 4); err != nil {
			return nil
		}
		return w.decoded(n, "literal", in)
	}
	_, _ = in.Discard(1)
	var unpacked io.Reader = in
	switch head[0] {
	case 1:
		unpacked = flate.NewReader(in)
	case 2:
		z, err := zlib.NewReader(in)
		if err != nil {
			return nil
		}
		unpacked = z
	case 3:
		unpacked = bzip2.NewReader(in)
	}
	inner := bufio.NewReader(&forgiving{r: unpacked, forgive: true})
	if first, _ := inner.Peek(headSize); !isPGP(n, first) {
		return w.noStream()
	}
	return w.stream(n, "compressed", inner, false)
}
