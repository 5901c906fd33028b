package coverage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
)

// sealed are the beginnings of encrypted files that are no archives. None of
// them is short enough for chance.
var sealed = []struct{ text, name string }{
	{"Salted__", "openssl enc"},
	{"U2FsdGVkX1", "openssl enc in base64"}, // Salted__ and the first bits of the salt
	{"age-encryption.org/v1\n", "age"},
	{"-----BEGIN AGE ENCRYPTED FILE-----", "age"},
	{"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", "KeePass database"},
	{"\x03\xd9\xa2\x9a\x66\xfb\x4b\xb5", "KeePass database"},
	{"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "KeePass database"},
	{"$ANSIBLE_VAULT;", "Ansible vault"},
	{"\x00GITCRYPT\x00", "git-crypt"},
	{"AES\x01\x00", "AES Crypt"},
	{"AES\x02\x00", "AES Crypt"},
	{"AES\x03\x00", "AES Crypt"},
	{"\xc0\xb9\x07\x2e\x4f\x93\xf1\x46\xa0\x15\x79\x2c\xa1\xd9\xe8\x21", "AxCrypt"},
	{"encrcdsa\x00\x00\x00", "encrypted disk image"}, // macOS, of version 2
	{"LUKS\xba\xbe\x00", "LUKS volume"},
}

// cannotDecrypt refuses what nobody can look into without a key.
func cannotDecrypt(name string) func(*walk, node) error {
	return func(*walk, node) error { return encrypted("%s", name) }
}

// cmsKinds are the contents of RFC 5652 that are encrypted: EnvelopedData,
// EncryptedData, and AuthEnvelopedData of RFC 5083.
var cmsKinds = []string{
	"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03",
	"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06",
	"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17",
}

// isCMS recognises an encrypted message of S/MIME or CMS: a sequence, in DER or
// with a length that is left open, that begins with its kind.
func isCMS(_ node, head []byte) bool {
	if len(head) < 24 || head[0] != 0x30 {
		return false
	}
	skip := 2
	if head[1] > 0x80 && head[1] <= 0x84 {
		skip += int(head[1] & 0x0f)
	}
	for _, kind := range cmsKinds {
		if bytes.HasPrefix(head[skip:], []byte(kind)) {
			return true
		}
	}
	return false
}

// Armored files of RFC 7468 and RFC 9580, 6.2: text around base64.
const (
	armorPGP = "-----BEGIN PGP MESSAGE-----"
	armorCMS = "-----BEGIN CMS-----"
	armorP7  = "-----BEGIN PKCS7-----"
)

// walkArmored decodes an armored file and walks what it is.
func walkArmored(w *walk, n node) error {
	return w.decoded(n, "armored", base64.NewDecoder(base64.StdEncoding, &armor{lines: all(n)}))
}

// armor gives the lines of base64 between the lines of an armor.
type armor struct {
	lines *bufio.Reader
	begun bool // the beginning and the fields after it are read
	rest  []byte
	err   error
}

func (a *armor) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		var line []byte
		if line, a.err = a.lines.ReadSlice('\n'); errors.Is(a.err, bufio.ErrBufferFull) { // the line goes on
			a.err = nil
		}
		line = bytes.TrimSpace(line)
		switch {
		case bytes.HasPrefix(line, []byte("-----BEGIN ")):
			a.begun = true
		case bytes.HasPrefix(line, []byte("-----")), bytes.HasPrefix(line, []byte("=")) && a.begun: // the end, or the checksum before it
			a.err = io.EOF
		case a.begun && !bytes.Contains(line, []byte(": ")):
			a.rest = line
		}
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}
