package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Names of ciphers in an encryption dictionary (ISO 32000-2, table 25).
const (
	methodRC4    = name("V2")
	methodAES    = name("AESV2")
	methodAES256 = name("AESV3")
)

// key is the key of a file, and the cipher for which it is.
type key struct {
	method name
	bytes  []byte
}

// decrypt returns a reader of the decrypted data of an object (ISO 32000-2, algorithms 1
// and 1.A), or nil where it cannot be decrypted.
func (k key) decrypt(o object, r io.Reader) io.Reader {
	own := k.of(o)
	if k.method == methodRC4 {
		c, err := rc4.NewCipher(own)
		if err != nil {
			return nil
		}
		return cipher.StreamReader{S: c, R: r}
	}
	var iv [aes.BlockSize]byte
	if _, err := io.ReadFull(r, iv[:]); err != nil {
		return nil
	}
	c, err := aes.NewCipher(own)
	if err != nil {
		return nil
	}
	return bounded.Blocks((&cbcReader{r: r, mode: cipher.NewCBCDecrypter(c, iv[:])}).next)
}

// text decrypts a string of an object, as far as it can be decrypted.
func (k key) text(o object, text []byte) []byte {
	r := k.decrypt(o, bytes.NewReader(text))
	if r == nil {
		return nil
	}
	plain, _ := io.ReadAll(r)
	return plain
}

// of returns the key for one object (algorithm 1).
func (k key) of(o object) []byte {
	if k.method == methodAES256 {
		return k.bytes
	}
	le := binary.LittleEndian
	seed := append(bytes.Clone(k.bytes), le.AppendUint32(nil, uint32(o.number))[:3]...)
	seed = append(seed, le.AppendUint32(nil, uint32(o.generation))[:2]...)
	if k.method == methodAES {
		seed = append(seed, "sAlT"...)
	}
	sum := md5.Sum(seed)
	return sum[:min(md5.Size, len(k.bytes)+5)]
}

// cbcReader decrypts blocks of CBC. The last block ends with padding (RFC 8018, 6.1.1),
// which it removes.
type cbcReader struct {
	r    io.Reader
	mode cipher.BlockMode
	page [4 << 10]byte
	kept []byte // the last decrypted block, which may have the padding
}

func (u *cbcReader) next() ([]byte, error) {
	got, err := io.ReadFull(u.r, u.page[:])
	b := u.page[:got&^(aes.BlockSize-1)]
	u.mode.CryptBlocks(b, b)
	all := append(bytes.Clone(u.kept), b...)
	if err == nil {
		u.kept = all[len(all)-aes.BlockSize:]
		return all[:len(all)-aes.BlockSize], nil
	}
	if n := len(all); n > 0 && all[n-1] > 0 && all[n-1] <= aes.BlockSize {
		all = all[:n-int(all[n-1])]
	}
	return all, io.EOF
}
