package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// maxEncryptions is how many encryption dictionaries are tried. A PDF has one, and its
// updates have the same.
const maxEncryptions = 8

// emptyPassword is the padding of passwords (ISO 32000-2, 7.6.4.3.2).
const emptyPassword = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08" +
	"\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

// trailer keeps the encryption dictionaries and the file identifier of a trailer.
func (d *document) trailer(v dictionary) {
	for _, encryption := range v["Encrypt"] {
		if encryption == keyword("null") {
			continue
		}
		d.encrypted = true
		_, isReference := encryption.(reference)
		known := isReference && slices.Contains(d.encryptions, encryption)
		if len(d.encryptions) < maxEncryptions && !known {
			d.encryptions = append(d.encryptions, encryption)
		}
	}
	list, _ := v.last("ID").([]any)
	if len(list) == 0 || len(d.ids) >= maxEncryptions {
		return
	}
	id, ok := list[0].([]byte)
	if ok && !slices.ContainsFunc(d.ids, func(other []byte) bool { return bytes.Equal(other, id) }) {
		d.ids = append(d.ids, id)
	}
}

// findKeys finds the keys of a PDF that opens without a password. Most encrypted PDFs
// do: they are encrypted so that readers refuse to print them. The error is a Refusal.
func (d *document) findKeys() error {
	d.ids = append(d.ids, nil) // a file need not have an identifier
	if len(d.encryptions) == maxEncryptions {
		return unpack.Encrypted("PDF with %d encryption dictionaries", maxEncryptions)
	}
	for _, v := range d.encryptions {
		lock, _ := v.(dictionary)
		if ref, ok := v.(reference); ok {
			lock = d.encryptionOf[ref]
		}
		if lock["Filter"] == nil && d.certainty != certain { // a text, or a program that writes PDFs
			continue
		}
		if !lock.has("Filter", "Standard") || !d.addKeys(lock) {
			return unpack.Encrypted("PDF that does not open without a password")
		}
	}
	d.encrypted = len(d.keys) > 0 // an encryption may leave everything as it is
	return nil
}

// addKeys adds the keys of an encryption dictionary, if the user or the owner has no
// password. It returns false where both have one.
func (d *document) addKeys(lock dictionary) bool {
	methods, ok := methods(lock)
	if !ok {
		return false
	}
	var found []byte
	switch r := lock.integer("R", 0); r {
	case 2, 3, 4:
		found = d.oldKey(lock, r)
	case 5, 6:
		found = newKey(lock, r)
	}
	if found == nil {
		return false
	}
	for _, m := range methods {
		again := func(k key) bool { return k.method == m && bytes.Equal(k.bytes, found) }
		if !slices.ContainsFunc(d.keys, again) {
			d.keys = append(d.keys, key{method: m, bytes: found})
		}
	}
	return true
}

// methods returns the ciphers that an encryption dictionary names. Each is tried on
// each stream. ok is false where one is unknown.
func methods(lock dictionary) (all []name, ok bool) {
	if lock.integer("V", 0) < 4 {
		return []name{methodRC4}, true
	}
	filters, _ := lock.last("CF").(dictionary)
	for _, values := range filters {
		for _, v := range values {
			f, _ := v.(dictionary)
			switch m := f.last("CFM"); m {
			case methodRC4, methodAES, methodAES256:
				if !slices.Contains(all, m.(name)) {
					all = append(all, m.(name))
				}
			case nil, name("None"):
			default:
				return nil, false
			}
		}
	}
	return all, true
}

// oldKey returns the key of revisions 2 to 4 (ISO 32000-2, algorithms 2, 6 and 7), or
// nil where a password is needed.
func (d *document) oldKey(lock dictionary, r int64) []byte {
	if len(lock.text("O")) < 32 || len(lock.text("U")) < 16 {
		return nil
	}
	stated := min(16, max(5, lock.integer("Length", 40)/8))
	for _, size := range []int64{stated, 16, 5} { // readers take different ones
		for _, password := range [][]byte{[]byte(emptyPassword), ownerPassword(lock, r, size)} {
			for _, id := range d.ids {
				k := oldKeyFor(lock, password, id, r, size)
				if bytes.HasPrefix(lock.text("U"), oldCheck(k, id, r)) {
					return k
				}
			}
		}
	}
	return nil
}

// ownerPassword returns the user's password, if the owner has none (algorithm 7).
func ownerPassword(lock dictionary, r, size int64) []byte {
	sum := md5.Sum([]byte(emptyPassword))
	if r == 2 {
		size = 5
	} else {
		for range 50 {
			sum = md5.Sum(sum[:])
		}
	}
	password := bytes.Clone(lock.text("O")[:32])
	if r == 2 {
		rc4Over(sum[:size], password)
		return password
	}
	for i := 19; i >= 0; i-- {
		rc4Over(xored(sum[:size], byte(i)), password)
	}
	return password
}

// oldKeyFor returns the key for a padded password (algorithm 2).
func oldKeyFor(lock dictionary, password, id []byte, r, size int64) []byte {
	if r == 2 {
		size = 5
	}
	h := md5.New()
	h.Write(password)
	h.Write(lock.text("O")[:32])
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(lock.integer("P", 0))))
	h.Write(id)
	if r >= 4 && lock.last("EncryptMetadata") == keyword("false") {
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	k := h.Sum(nil)
	if r > 2 {
		for range 50 {
			sum := md5.Sum(k[:size])
			k = sum[:]
		}
	}
	return k[:size]
}

// oldCheck returns what /U begins with if a key is right (algorithms 4 and 5).
func oldCheck(k, id []byte, r int64) []byte {
	if r == 2 {
		check := []byte(emptyPassword)
		rc4Over(k, check)
		return check
	}
	sum := md5.Sum(append([]byte(emptyPassword), id...))
	for i := range byte(20) {
		rc4Over(xored(k, i), sum[:])
	}
	return sum[:]
}

// xored returns a key with each byte XORed with a byte.
func xored(k []byte, with byte) []byte {
	out := bytes.Clone(k)
	for i := range out {
		out[i] ^= with
	}
	return out
}

// rc4Over encrypts or decrypts b in place.
func rc4Over(k, b []byte) {
	if c, err := rc4.NewCipher(k); err == nil {
		c.XORKeyStream(b, b)
	}
}

// newKey returns the key of revisions 5 and 6 (ISO 32000-2, algorithm 2.A), or nil where
// a password is needed.
func newKey(lock dictionary, r int64) []byte {
	o, u := lock.text("O"), lock.text("U")
	open := func(check, of []byte, wrapped string) []byte {
		if len(check) < 48 || len(lock.text(wrapped)) < 32 || !bytes.Equal(newHash(check[32:40], of, r), check[:32]) {
			return nil
		}
		c, err := aes.NewCipher(newHash(check[40:48], of, r))
		if err != nil {
			return nil
		}
		k := make([]byte, 32)
		cipher.NewCBCDecrypter(c, make([]byte, 16)).CryptBlocks(k, lock.text(wrapped)[:32])
		return k
	}
	if k := open(u, nil, "UE"); k != nil || len(u) < 48 {
		return k
	}
	return open(o, u[:48], "OE")
}

// newHash returns the hash of an empty password: algorithm 2.B of ISO 32000-2, or the
// SHA-256 of revision 5. For the owner's password, u is the first 48 bytes of /U.
func newHash(salt, u []byte, r int64) []byte {
	sum := sha256.Sum256(append(bytes.Clone(salt), u...))
	k := sum[:]
	if r == 5 {
		return k
	}
	for i := 0; ; i++ {
		c, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		e := bytes.Repeat(append(bytes.Clone(k), u...), 64)
		cipher.NewCBCEncrypter(c, k[16:32]).CryptBlocks(e, e)
		sumOfBytes := 0 // modulo 3 it is the first 16 bytes as a number
		for _, b := range e[:16] {
			sumOfBytes += int(b)
		}
		switch sumOfBytes % 3 {
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
