package coverage

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// binhexMark is the line by which BinHex 4.0 is known (RFC 1741), or what is
// left of it in mails.
const binhexMark = "(This file must be converted with BinHex"

const binhexAlphabet = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"

var binhexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte(binhexAlphabet) {
		t[c] = byte(i)
	}
	return t
}()

// binhexAt shows the two forks of a file in BinHex, which has no other member.
func binhexAt(w *walk, n node, name string, at int64) (int64, error) {
	in := bufio.NewReader(n.at(at, n.size-at))
	if line, err := in.ReadSlice('\n'); err != nil || !bytes.HasPrefix(line, []byte(binhexMark)) {
		if err != nil && bytes.IndexByte(line, '\r') < 0 {
			return 0, nil
		}
		in = bufio.NewReader(&feeds{n.at(at, n.size-at)}) // an old Mac's
		_, _ = in.ReadSlice('\n')
	}
	for { // lines before the colon
		c, err := in.ReadByte()
		if err != nil {
			return 0, nil
		}
		if c == ':' {
			break
		}
		if c != '\r' && c != '\n' && c != ' ' && c != '\t' {
			return 0, nil // text about it
		}
	}
	out := bufio.NewReader(&unrepeated{in: &binhexText{in: in}})
	size, err := out.ReadByte()
	if err != nil {
		return 0, nil
	}
	head := make([]byte, int(size)+21) // name, version, type, creator, flags, two lengths, CRC
	if _, err := io.ReadFull(out, head); err != nil {
		return 0, nil
	}
	lengths := head[int(size)+11:]
	if binhexCRC(append([]byte{size}, head[:len(head)-2]...)) != binary.BigEndian.Uint16(head[len(head)-2:]) {
		return 0, nil
	}
	for i, fork := range []string{"data", "resources"} {
		r := io.LimitReader(out, int64(binary.BigEndian.Uint32(lengths[4*i:])))
		short := &whole{r: r, left: int64(binary.BigEndian.Uint32(lengths[4*i:]))}
		if short.left > 0 {
			if err := w.stream(n, name+"/BinHex/"+fork, short, false); err != nil {
				return 0, err
			}
		}
		if short.left > 0 {
			return 0, nil // settled by stream
		}
		if _, err := out.Discard(2); err != nil {
			return 0, nil
		}
	}
	return 0, nil
}

// binhexCRC is CRC-CCITT from 0 over the bytes, as the header has it.
func binhexCRC(b []byte) (crc uint16) {
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			top := crc & 0x8000
			if crc <<= 1; top != 0 {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// whole fails where fewer bytes come than were announced.
type whole struct {
	r    io.Reader
	left int64
}

func (h *whole) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if h.left -= int64(n); ended(err) && h.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// binhexText decodes up to the second colon.
type binhexText struct {
	in   *bufio.Reader
	bits uint32
	have uint
}

func (b *binhexText) ReadByte() (byte, error) {
	for b.have < 8 {
		c, err := b.in.ReadByte()
		switch v := binhexValue[c]; {
		case err != nil:
			return 0, err
		case v < 64:
			b.bits, b.have = b.bits<<6|uint32(v), b.have+6
		case c == ':':
			return 0, io.EOF
		case c != '\r' && c != '\n' && c != ' ' && c != '\t':
			return 0, errBinHex
		}
	}
	b.have -= 8
	return byte(b.bits >> b.have), nil
}

var errBinHex = errors.New("BinHex with another character")

// unrepeated expands runs: 0x90 and a number repeat the byte before, 0x90 and
// zero are a 0x90.
type unrepeated struct {
	in   io.ByteReader
	last byte
	more int
}

func (u *unrepeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if u.more == 0 {
			c, err := u.in.ReadByte()
			if err != nil {
				return n, err
			}
			if u.more = 1; c == 0x90 {
				times, err := u.in.ReadByte()
				if err != nil {
					return n, err
				}
				if u.more = int(times) - 1; times == 0 {
					u.more, u.last = 1, c
				}
				u.more = max(u.more, 0)
			} else {
				u.last = c
			}
			continue
		}
		p[n] = u.last
		n, u.more = n+1, u.more-1
	}
	return n, nil
}
