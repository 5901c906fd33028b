package coverage

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"io"
	"slices"
)

// pdfKey is a key and what it is used with: V2 (RC4), AESV2 or AESV3.
type pdfKey struct {
	method pdfName
	key    []byte
}

// pdfPad fills up a password (ISO 32000-1, 7.6.3.3), and is all of an empty one.
const pdfPad = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

// maxPDFLocks is more than there is reason to have: an update keeps what stood there.
const maxPDFLocks = 8

// trailer keeps what a trailer says about encryption.
func (p *pdf) trailer(d pdfDict) {
	for _, v := range d["Encrypt"] {
		if v == pdfWord("null") {
			continue
		}
		p.locked = true
		again := func(lock any) bool { return lock == v }
		if _, ok := v.(pdfRef); len(p.locks) < maxPDFLocks && !(ok && slices.ContainsFunc(p.locks, again)) {
			p.locks = append(p.locks, v)
		}
	}
	if list, ok := d.last("ID").([]any); ok && len(list) > 0 && len(p.ids) < maxPDFLocks {
		id, ok := list[0].([]byte)
		if ok && !slices.ContainsFunc(p.ids, func(b []byte) bool { return bytes.Equal(b, id) }) {
			p.ids = append(p.ids, id)
		}
	}
}

// unlock finds the keys of a PDF that opens without a password, as most do that
// are encrypted: it keeps people from printing.
func (p *pdf) unlock() error {
	p.ids = append(p.ids, nil)
	if len(p.locks) == maxPDFLocks {
		return encrypted("PDF in more ways than one")
	}
	for _, v := range p.locks {
		d, _ := v.(pdfDict)
		if ref, ok := v.(pdfRef); ok {
			d = p.lockOf[ref]
		}
		if !d.is("Filter", "Standard") || !p.open(d) {
			return encrypted("PDF")
		}
	}
	return nil
}

// open tries an encryption dictionary with no password.
func (p *pdf) open(d pdfDict) bool {
	text := func(key string) []byte { b, _ := d.last(key).([]byte); return b }
	o, u, ue := text("O"), text("U"), text("UE")
	v, r := d.number("V", 0), d.number("R", 0)
	methods := []pdfName{"V2"}
	if v >= 4 {
		methods = nil
		filters, _ := d.last("CF").(pdfDict)
		for _, all := range filters {
			f, _ := all[0].(pdfDict)
			if m, ok := f.last("CFM").(pdfName); ok && m != "None" {
				if len(methods) == 3 {
					return false // nobody needs more, and each is tried
				}
				methods = append(methods, m)
			}
		}
	}
	var key []byte
	switch {
	case r >= 2 && r <= 4 && len(o) >= 32 && len(u) >= 16:
		size := min(16, max(5, d.number("Length", 40)/8))
		if v == 4 {
			size = 16
		} else if r == 2 {
			size = 5
		}
		for _, id := range p.ids {
			if k := pdfOldKey(d, o, id, r, int(size)); bytes.HasPrefix(u, pdfOldCheck(k, id, r)) {
				key = k
				break
			}
		}
	case (r == 5 || r == 6) && len(u) >= 48 && len(ue) >= 32:
		if bytes.Equal(pdfHash(u[32:40], r), u[:32]) {
			if c, err := aes.NewCipher(pdfHash(u[40:48], r)); err == nil {
				key = make([]byte, 32)
				cipher.NewCBCDecrypter(c, make([]byte, 16)).CryptBlocks(key, ue[:32])
			}
		}
	}
	if key == nil {
		return false
	}
	for _, m := range methods {
		if !slices.ContainsFunc(p.keys, func(other pdfKey) bool { return other.method == m && bytes.Equal(other.key, key) }) {
			p.keys = append(p.keys, pdfKey{m, key})
		}
	}
	return true
}

// pdfOldKey is algorithm 2 for an empty password.
func pdfOldKey(d pdfDict, o, id []byte, r int64, size int) []byte {
	h := md5.New()
	h.Write([]byte(pdfPad))
	h.Write(o[:32])
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(d.number("P", 0))))
	h.Write(id)
	if r >= 4 && d.last("EncryptMetadata") == pdfWord("false") {
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	key := h.Sum(nil)
	if r > 2 {
		for range 50 {
			sum := md5.Sum(key[:size])
			key = sum[:]
		}
	}
	return key[:size]
}

// pdfOldCheck is what /U begins with if a key is right (algorithms 4 and 5).
func pdfOldCheck(key, id []byte, r int64) []byte {
	if r == 2 {
		check := []byte(pdfPad)
		rc4Over(key, check)
		return check
	}
	sum := md5.Sum(append([]byte(pdfPad), id...))
	for i := range byte(20) {
		turned := bytes.Clone(key)
		for j := range turned {
			turned[j] ^= i
		}
		rc4Over(turned, sum[:])
	}
	return sum[:]
}

func rc4Over(key, b []byte) {
	if c, err := rc4.NewCipher(key); err == nil {
		c.XORKeyStream(b, b)
	}
}

// pdfHash is algorithm 2.B of ISO 32000-2 for an empty password, and what
// revision 5 had in its place.
func pdfHash(salt []byte, r int64) []byte {
	sum := sha256.Sum256(salt)
	k := sum[:]
	if r == 5 {
		return k
	}
	for i := 0; ; i++ {
		c, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		e := bytes.Repeat(k, 64)
		cipher.NewCBCEncrypter(c, k[16:32]).CryptBlocks(e, e)
		rest := 0 // of the first 16 bytes as a number, which is that of their sum
		for _, b := range e[:16] {
			rest += int(b)
		}
		switch rest % 3 {
		case 0:
			sum := sha256.Sum256(e)
			k = sum[:]
		case 1:
			sum := sha512.Sum384(e)
			k = sum[:]
		case 2:
			sum := sha512.Sum512(e)
			k = sum[:]
		}
		if i >= 63 && int(e[len(e)-1]) <= i-31 {
			return k[:32]
		}
	}
}

// open decrypts a stream (algorithm 1), nil if it cannot be.
func (k pdfKey) open(o pdfObject, r io.Reader) io.Reader {
	key := k.key
	if k.method != "AESV3" {
		le := binary.LittleEndian
		of := append(bytes.Clone(key), le.AppendUint32(nil, uint32(o.number))[:3]...)
		of = append(of, le.AppendUint32(nil, uint32(o.generation))[:2]...)
		if k.method == "AESV2" {
			of = append(of, "sAlT"...)
		}
		sum := md5.Sum(of)
		key = sum[:min(16, len(key)+5)]
	}
	if k.method == "V2" {
		c, err := rc4.NewCipher(key)
		if err != nil {
			return nil
		}
		return cipher.StreamReader{S: c, R: r}
	}
	var iv [16]byte
	if _, err := io.ReadFull(r, iv[:]); err != nil {
		return nil
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil
	}
	return &unchained{r: r, mode: cipher.NewCBCDecrypter(c, iv[:])}
}

// unchained decrypts whole blocks, of which the last ends with its padding.
type unchained struct {
	r    io.Reader
	mode cipher.BlockMode
	page [4 << 10]byte
	last []byte // decrypted and kept back
	out  []byte
	done bool
}

func (u *unchained) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.done {
			return 0, io.EOF
		}
		got, err := io.ReadFull(u.r, u.page[:])
		b := u.page[:got&^15]
		u.mode.CryptBlocks(b, b)
		all := append(bytes.Clone(u.last), b...)
		if u.done = err != nil; u.done {
			if n := len(all); n > 0 && all[n-1] > 0 && all[n-1] <= 16 {
				all = all[:n-int(all[n-1])]
			}
			u.out = all
			continue
		}
		u.out, u.last = all[:len(all)-16], all[len(all)-16:]
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}
