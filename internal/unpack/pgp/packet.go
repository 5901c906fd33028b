package pgp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Types of packets in messages (RFC 9580, 5). Keys consist of other types.
const (
	typePublicSession = 1 // a session key encrypted with a public key
	typeSignature     = 2
	typeSharedSession = 3 // a session key encrypted with a passphrase
	typeOnePass       = 4 // announces a signature behind the content
	typeCompressed    = 8
	typeOldSealed     = 9 // encrypted without a checksum
	typeMarker        = 10
	typeLiteral       = 11
	typeSealed        = 18
	typeSealedAEAD    = 20 // RFC 4880bis, which gpg writes
	typePadding       = 21
	// firstUnknown is the first type that programs skip if they do not know it.
	firstUnknown = 40
)

// packet is the header of a packet.
type packet struct {
	kind    int
	size    int64 // bytes of the body, or of its first part
	partial bool  // further parts follow
	open    bool  // the body ends with the file
}

var errNoPacket = errors.New("not an OpenPGP packet")

// readPacket reads the header of a packet (RFC 9580, 4.2).
func readPacket(r *bufio.Reader) (p packet, err error) {
	b, err := r.ReadByte()
	if err != nil {
		return p, err
	}
	const packetBit, newFormatBit = 0x80, 0x40
	if b&packetBit == 0 {
		return p, errNoPacket
	}
	if b&newFormatBit != 0 {
		p.kind = int(b & 0x3f)
		p.size, p.partial, err = readLength(r)
		return p, err
	}
	p.kind = int(b >> 2 & 0x0f)
	lengthType := b & 3 // a length of 1, 2 or 4 bytes, or none
	if lengthType == 3 {
		p.open = true
		return p, nil
	}
	var length [4]byte
	_, err = io.ReadFull(r, length[4-1<<lengthType:])
	p.size = int64(binary.BigEndian.Uint32(length[:]))
	return p, bounded.Unexpected(err)
}

// readLength reads the length of a body, or of a part of one (RFC 9580, 4.2.1).
func readLength(r *bufio.Reader) (size int64, partial bool, err error) {
	b, err := r.ReadByte()
	switch {
	case err != nil:
	case b < 192:
		return int64(b), false, nil
	case b < 224:
		second, err := r.ReadByte()
		return int64(b-192)<<8 + int64(second) + 192, false, bounded.Unexpected(err)
	case b < 255:
		return 1 << (b & 0x1f), true, nil
	default:
		var length [4]byte
		_, err = io.ReadFull(r, length[:])
		size = int64(binary.BigEndian.Uint32(length[:]))
	}
	return size, false, bounded.Unexpected(err)
}

// body reads the body of a packet, whose parts it joins.
type body struct {
	in *bufio.Reader
	p  packet
}

func (b *body) Read(out []byte) (int, error) {
	if b.p.open {
		return b.in.Read(out)
	}
	for b.p.size == 0 {
		if !b.p.partial {
			return 0, io.EOF
		}
		var err error
		if b.p.size, b.p.partial, err = readLength(b.in); err != nil {
			return 0, bounded.Unexpected(err)
		}
	}
	n, err := b.in.Read(out[:min(int64(len(out)), b.p.size)])
	b.p.size -= int64(n)
	return n, bounded.Unexpected(err)
}

// minBody is how many bytes of a body plausible needs.
const minBody = 4

// plausible reports whether the body of a packet may begin with head. It is strict,
// so that other files are seldom taken for messages.
func (p packet) plausible(head []byte) bool {
	if len(head) < minBody {
		return false
	}
	switch p.kind {
	case typePublicSession:
		return p.plausiblePublicSession(head)
	case typeSharedSession:
		return p.plausibleSharedSession(head)
	case typeOnePass:
		return p.plausibleOnePass(head)
	case typeSignature:
		return p.plausibleSignature(head)
	case typeCompressed: // the algorithm
		return head[0] <= 3
	case typeMarker:
		return p.size == 3 && string(head[:3]) == "PGP"
	case typeLiteral: // binary, text or UTF-8
		return head[0] == 'b' || head[0] == 't' || head[0] == 'u'
	case typeSealed, typeSealedAEAD: // the version
		return head[0] == 1 || head[0] == 2
	}
	return p.kind == typeOldSealed || p.kind == typePadding
}

// plausiblePublicSession checks the version (RFC 9580, 5.1).
func (p packet) plausiblePublicSession(head []byte) bool {
	return !p.partial && p.size > 20 && p.size < 1<<13 && (head[0] == 2 || head[0] == 3 || head[0] == 6)
}

// plausibleSignature checks the version (RFC 9580, 5.2).
func (p packet) plausibleSignature(head []byte) bool {
	return !p.partial && p.size > 10 && p.size < 1<<16 && head[0] >= 2 && head[0] <= 6
}

// plausibleSharedSession checks the version, the cipher, and how a passphrase becomes
// a key (RFC 9580, 5.3).
func (p packet) plausibleSharedSession(head []byte) bool {
	if p.partial || p.size < 4 || p.size >= 200 {
		return false
	}
	version, cipher, stringToKey := head[0], head[1], head[2]
	const ciphers, stringToKeys = 14, 5
	return version == 4 && cipher < ciphers && stringToKey < stringToKeys || version == 5 && cipher < ciphers ||
		version == 6
}

// plausibleOnePass checks the version and its length, and the type of the signature
// (RFC 9580, 5.4).
func (p packet) plausibleOnePass(head []byte) bool {
	version3 := head[0] == 3 && p.size == 13 && head[1] <= 2
	version6 := head[0] == 6 && p.size > 13 && p.size < 100
	return !p.partial && (version3 || version6)
}
