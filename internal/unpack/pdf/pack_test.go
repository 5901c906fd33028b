package pdf_test

import (
	"bytes"
	"compress/lzw"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/pdf"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// file returns a PDF with an attachment, whose dictionary has dict and the length, and
// with more objects from number 5 on.
func file(dict string, content []byte, trailer string, more ...string) []byte {
	var b bytes.Buffer
	var at []int
	add := func(body []byte) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), body)
	}
	b.WriteString("%PDF-1.7\n")
	add([]byte("<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a)3 0 R]>>>>>>"))
	add([]byte("<</Type/Pages/Kids[]/Count 0>>"))
	add([]byte("<</Type/Filespec/F(a)/EF<</F 4 0 R>>>>"))
	add(fmt.Appendf(nil, "<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(content), content))
	for _, m := range more {
		add([]byte(m))
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, i := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", i)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, trailer, xref)
	return b.Bytes()
}

// unnamed returns such a PDF in which nothing says that the stream is an attachment.
func unnamed(dict string, content []byte, more ...string) []byte {
	return replaced(file(dict, content, "", more...), "/EF<</F 4 0 R>>", "")
}

func replaced(b []byte, before, after string) []byte {
	return bytes.Replace(b, []byte(before), []byte(after), 1)
}

// lzwOf returns content in LZW. With an early change of width it uses no entries of the
// table.
func lzwOf(t testing.TB, content []byte, early bool) []byte {
	t.Helper()
	if !early {
		var b bytes.Buffer
		w := lzw.NewWriter(&b, lzw.MSB, 8)
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var out codes
	out.put(256, 9)
	width, next := uint32(9), 257
	for _, c := range content {
		out.put(uint32(c), width)
		if next++; next == 511 || next == 1023 || next == 2047 {
			width++
		}
	}
	out.put(257, width)
	out.put(0, 7)
	return out.b
}

// codes writes codes of any number of bits, the highest bit first.
type codes struct {
	b          []byte
	bits, have uint32
}

func (c *codes) put(code, width uint32) {
	for c.bits, c.have = c.bits<<width|code, c.have+width; c.have >= 8; c.have -= 8 {
		c.b = append(c.b, byte(c.bits>>(c.have-8)))
	}
}

func runLengthOf(content []byte) []byte {
	var out []byte
	for ; len(content) > 20; content = content[20:] {
		out = append(append(out, 19), content[:20]...)
	}
	if len(content) > 0 {
		out = append(append(out, byte(len(content)-1)), content...)
	}
	return append(out, 254, 'x', 128)
}

// pngRows returns content in rows of 10 bytes with each predictor of PNG in turn.
func pngRows(content []byte) []byte {
	above := make([]byte, 10)
	var out []byte
	for i := 0; len(content) > 0; i++ {
		row := append([]byte{}, content[:min(10, len(content))]...)
		content = content[len(row):]
		kind := byte(i % 5)
		out = append(out, kind)
		for j, c := range row {
			var left, corner byte
			if j > 0 {
				left, corner = row[j-1], above[j-1]
			}
			switch kind {
			case 1:
				c -= left
			case 2:
				c -= above[j]
			case 3:
				c -= byte((int(left) + int(above[j])) / 2)
			case 4:
				c -= pdf.Paeth(left, above[j], corner)
			}
			out = append(out, c)
		}
		above = append(row, make([]byte, 10)...)[:10]
	}
	return out
}

// attached is the beginning of an attachment's dictionary as pikepdf writes it.
const attached = "/Params<</CheckSum<a63206d51169a157fb3f06d520dff004>/Size 640>>/Type/EmbeddedFile"

const (
	plainFlate = "/Type/EmbeddedFile/Filter/FlateDecode"
	flate      = attached + "/Filter/FlateDecode"
)

// lock says how encrypted encrypts.
type lock struct {
	// revision is 2 to 6.
	revision int
	// owner says that the owner has no password, and that the user has one.
	owner bool
	// more is added to the encryption dictionary.
	more string
}

var (
	fileID    = []byte("0123456789abcdef")
	fileKey   = bytes.Repeat([]byte{9}, 32)
	otherWord = []byte("a password that only users know.")
)

// encrypted returns a PDF like file that is encrypted with an empty password.
func encrypted(t testing.TB, l lock, dict string, content []byte, more ...string) []byte {
	t.Helper()
	dictionary, method, key := l.dictionary(t)
	if method != "AESV3" {
		key = objectKey(key, method, 4)
	}
	sealed := seal(t, method, key, content)
	objects := append([]string{"<</Filter/Standard" + dictionary + l.more + ">>"}, more...)
	return file(dict, sealed, fmt.Sprintf("/Encrypt 5 0 R/ID[<%x><%x>]", fileID, fileID), objects...)
}

func objectKey(key []byte, method pdf.Name, number uint32) []byte {
	salt := map[pdf.Name]string{"AESV2": "sAlT"}[method]
	sum := md5.Sum(unpacktest.Join(key, binary.LittleEndian.AppendUint32(nil, number)[:3], []byte{0, 0}, []byte(salt)))
	return sum[:min(16, len(key)+5)]
}

func seal(t testing.TB, method pdf.Name, key, content []byte) []byte {
	t.Helper()
	if method == "V2" {
		out := bytes.Clone(content)
		pdf.RC4Over(key, out)
		return out
	}
	pad := 16 - len(content)%16
	iv := []byte("an initial vecto")
	padded := append(bytes.Clone(content), bytes.Repeat([]byte{byte(pad)}, pad)...)
	return append(iv, cbc(t, key, iv, padded)...)
}

func cbc(t testing.TB, key, iv, b []byte) []byte {
	t.Helper()
	c, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(b)
	cipher.NewCBCEncrypter(c, iv).CryptBlocks(out, out)
	return out
}

func (l lock) dictionary(t testing.TB) (text string, method pdf.Name, key []byte) {
	t.Helper()
	if l.revision >= 5 {
		return l.newDictionary(t), "AESV3", fileKey
	}
	r, size := int64(l.revision), int64(16)
	if r == 2 {
		size = 5
	}
	o, password := bytes.Repeat([]byte{7}, 32), []byte(pdf.EmptyPassword)
	if l.owner {
		password = otherWord
		sum := md5.Sum([]byte(pdf.EmptyPassword))
		rounds := 1
		if r > 2 {
			rounds = 20
			for range 50 {
				sum = md5.Sum(sum[:])
			}
		}
		o = bytes.Clone(otherWord)
		for i := range rounds {
			pdf.RC4Over(pdf.Xored(sum[:size], byte(i)), o)
		}
	}
	values := pdf.Dictionary{"P": {int64(-4)}, "O": {o}}
	if strings.Contains(l.more, "/EncryptMetadata false") {
		values["EncryptMetadata"] = []any{pdf.Keyword("false")}
	}
	key = pdf.OldKeyFor(values, password, fileID, r, size)
	u := append(pdf.OldCheck(key, fileID, r), make([]byte, 16)...)[:32]
	text = fmt.Sprintf("/V %d/R %d/Length %d/P -4/O<%x>/U<%x>", r-1, r, size*8, o, u)
	method = "V2"
	if r == 4 {
		method = "AESV2"
		text = strings.Replace(text, "/V 3", "/V 4/CF<</StdCF<</CFM/AESV2/AuthEvent/DocOpen/Length 16>>>>"+
			"/StmF/StdCF/StrF/StdCF", 1)
	}
	return text, method, key
}

func (l lock) newDictionary(t testing.TB) string {
	t.Helper()
	r, zero := int64(l.revision), make([]byte, 16)
	u := append(pdf.NewHash([]byte("validate"), nil, r), "validatekeykeyke"...)
	if l.owner {
		u[0]++
	}
	ue := cbc(t, pdf.NewHash(u[40:48], nil, r), zero, fileKey)
	o, oe := bytes.Repeat([]byte{7}, 48), fileKey
	if l.owner {
		o = append(pdf.NewHash([]byte("ownersay"), u, r), "ownersayownerkey"...)
		oe = cbc(t, pdf.NewHash(o[40:48], u, r), zero, fileKey)
	}
	return fmt.Sprintf("/V 5/R %d/Length 256/P -4/O<%x>/U<%x>/UE<%x>/OE<%x>/Perms<%x>"+
		"/CF<</StdCF<</CFM/AESV3/AuthEvent/DocOpen/Length 32>>>>/StmF/StdCF/StrF/StdCF", r, o, u, ue, oe, fileKey[:16])
}
