package coverage

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
)

// pdfFile is a PDF with an attachment, whose dictionary has this in it besides
// its length, and with more objects from number 5 on.
func pdfFile(dict string, content []byte, trailer string, more ...string) []byte {
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
	add(join(fmt.Appendf(nil, "<<%s/Length %d>>\nstream\n", dict, len(content)), content, []byte("\nendstream")))
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

// pictureOf is a PDF whose stream is a picture.
func pictureOf(dict string, content []byte) []byte {
	return bytes.Replace(pdfFile("/Width 9/Height 9"+dict, content, ""), []byte("/EF<</F 4 0 R>>"), nil, 1)
}

// lzwOf packs with an early or a late change of width. The former knows no
// strings, and is as long as it takes for the width to change.
func lzwOf(t *testing.T, content []byte, early bool) []byte {
	t.Helper()
	if !early {
		var b bytes.Buffer
		return written(t, &b, lzw.NewWriter(&b, lzw.MSB, 8), content)
	}
	var out []byte
	var bits, have uint32
	put := func(code, width uint32) {
		for bits, have = bits<<width|code, have+width; have >= 8; have -= 8 {
			out = append(out, byte(bits>>(have-8)))
		}
	}
	put(256, 9)
	width, next := uint32(9), 257
	for _, c := range content {
		put(uint32(c), width)
		if next++; next == 511 || next == 1023 || next == 2047 {
			width++
		}
	}
	put(257, width)
	put(0, 7)
	return out
}

func runLengthOf(content []byte) []byte {
	var out []byte
	for ; len(content) > 20; content = content[20:] {
		out = append(append(out, 19), content[:20]...)
	}
	out = append(append(out, byte(len(content)-1)), content...)
	return append(out, 254, 'x', 128)
}

// pngRows packs rows of 10 with PNG's filters.
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
				c -= paeth(left, above[j], corner)
			}
			out = append(out, c)
		}
		above = append(row, make([]byte, 10)...)[:10]
	}
	return out
}

// pairs are a form with EICAR in it and its harmless twin.
func pairs(name string, build func(content []byte) []byte) []sample {
	return []sample{
		{name: name + ", infected", content: build(eicarText()), want: infected},
		{name: name, content: build(pages(600)), want: "covered"},
	}
}

// attached is how pikepdf begins the dictionary of an attachment.
const attached = "/Params<</CheckSum<a63206d51169a157fb3f06d520dff004>/Size 640>>/Type/EmbeddedFile"

// TestPDFDictionaries: attachments that the engine does not unpack for how their
// dictionaries are written, the first two by qpdf, pikepdf and LibreOffice.
func TestPDFDictionaries(t *testing.T) {
	t.Parallel()
	const flate = "/Filter/FlateDecode"
	var samples []sample
	for name, dict := range map[string]string{
		"checksum in front of the filter": attached + flate,
		"MIME type":                       "/Type/EmbeddedFile/Subtype/application#2Foctet-stream/Params<</CheckSum<a63206d51169a157fb3f06d520dff004>/Size 640>>" + flate,
		"string with an end":              "/Desc(a >> b)" + flate,
		"string with a stream":            "/Desc(a stream b)" + flate,
		"string with an object's end":     "/Desc( endobj )" + flate,
		"string with an object":           attached + "/Desc( 7 0 obj<<>> )" + flate,
		"string with parentheses":         "/Desc(\\)((a\\134) >> \\\\) )" + flate,
		"comment":                         "/Type/EmbeddedFile/Filter%c >> \n/FlateDecode",
		"identity":                        "/Type/EmbeddedFile/Filter[/Crypt/FlateDecode]/DecodeParms[<</Name/Identity>>null]",
		"filter elsewhere":                "/Type/EmbeddedFile/Filter 5 0 R",
		"filters elsewhere":               "/Type/EmbeddedFile/Filter[5 0 R]",
		"list of filters elsewhere":       "/Type/EmbeddedFile/Filter 6 0 R",
		"filter nowhere":                  "/Type/EmbeddedFile/Filter 9 0 R",
		"long dictionary":                 attached + "/Desc(" + strings.Repeat("long ", 70000) + ")" + flate,
	} {
		samples = append(samples, pairs(name, func(content []byte) []byte {
			return pdfFile(dict, zlibOf(t, content), "", "/FlateDecode", "[5 0 R]")
		})...)
	}
	const objects = "9 0 10 17 /RunLengthDecode [/RunLengthDecode]"
	stream := fmt.Sprintf("<</Type/ObjStm/N 2/First 10/Length %d>>stream\n%s\nendstream", len(objects), objects)
	for name, filter := range map[string]string{"filter in a stream": "9 0 R", "list of filters in a stream": "10 0 R"} {
		samples = append(samples, pairs(name, func(content []byte) []byte {
			return pdfFile("/Desc 1/Filter "+filter, runLengthOf(content), "", stream)
		})...)
	}
	samples = append(samples, pairs("comment in front of the object", func(content []byte) []byte {
		return bytes.Replace(pdfFile(attached+"/Filter/RunLengthDecode", runLengthOf(content), ""), []byte("4 0 obj"), []byte("4 0%x\nobj"), 1)
	})...)
	samples = append(samples, sample{
		name: "a container", want: infected,
		content: pdfFile(attached+flate, zlibOf(t, wide64(t)), ""),
	})
	try(t, samples)
}

func TestPDFFilters(t *testing.T) {
	t.Parallel()
	var samples []sample
	for name, f := range map[string]struct {
		filter string
		pack   func([]byte) []byte
	}{
		"LZW":            {"/LZWDecode", func(b []byte) []byte { return lzwOf(t, b, true) }},
		"LZW, long":      {"/LZWDecode", func(b []byte) []byte { return lzwOf(t, append(b, pages(3000)...), true) }},
		"LZW, late":      {"/LZWDecode/DecodeParms<</EarlyChange 0>>", func(b []byte) []byte { return lzwOf(t, append(b, pages(9000)...), false) }},
		"run lengths":    {"/RunLengthDecode", runLengthOf},
		"PNG predictor":  {"/FlateDecode/DecodeParms<</Predictor 12/Columns 10>>", func(b []byte) []byte { return zlibOf(t, pngRows(b)) }},
		"PNG, elsewhere": {"/FlateDecode/DecodeParms 5 0 R", func(b []byte) []byte { return zlibOf(t, pngRows(b)) }},
		"a chain":        {"[/FlateDecode/RunLengthDecode/LZWDecode]", func(b []byte) []byte { return zlibOf(t, runLengthOf(lzwOf(t, b, true))) }},
	} {
		samples = append(samples, pairs(name, func(content []byte) []byte {
			return pdfFile(attached+"/Filter"+f.filter, f.pack(content), "", "<</Predictor 15/Columns 10>>")
		})...)
	}
	text := pages(500)
	samples = append(samples,
		sample{name: "unknown, attached", content: pdfFile("/Type/EmbeddedFile/Filter[/FlateDecode/JBIG2Decode]", zlibOf(t, text), ""), want: "unsupported-archive"},
		sample{name: "unknown, attached by reference alone", content: pdfFile("/Filter[/FlateDecode/JBIG2Decode]", zlibOf(t, text), ""), want: "unsupported-archive"},
		sample{name: "rows of megabytes", content: pdfFile("/Type/EmbeddedFile/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 9000000>>", zlibOf(t, text), ""), want: "unsupported-archive"},
		sample{name: "unknown, a picture", content: pictureOf("/Filter[/FlateDecode/JBIG2Decode]", zlibOf(t, text)), want: "covered"},
		sample{name: "pixels like a gzip", content: pictureOf("/Filter/FlateDecode", zlibOf(t, append([]byte("\x1f\x8b"), text...))), want: "covered"},
	)
	try(t, samples)
}

// encryptedPDF encrypts an attachment with an empty password, in the ways of
// revisions 2, 3, 4 and 6.
func encryptedPDF(t *testing.T, r int, dict string, content []byte) []byte {
	t.Helper()
	id, o := []byte("0123456789abcdef"), bytes.Repeat([]byte{7}, 32)
	key := bytes.Repeat([]byte{9}, 32)
	method, lock := pdfName("V2"), ""
	cbc := func(key, iv, b []byte, seal bool) []byte {
		c, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if out := bytes.Clone(b); seal {
			cipher.NewCBCEncrypter(c, iv).CryptBlocks(out, out)
			return out
		}
		return nil
	}
	if r == 6 {
		method = "AESV3"
		u := append(pdfHash([]byte("validate"), 6), "validatekeykeyke"...)
		lock = fmt.Sprintf("/V 5/R 6/Length 256/P -4/O<%x>/U<%x>/UE<%x>/OE<%x>/Perms<%x>/CF<</StdCF<</CFM/AESV3/AuthEvent/DocOpen/Length 32>>>>/StmF/StdCF/StrF/StdCF",
			bytes.Repeat([]byte{7}, 48), u, cbc(pdfHash(u[40:48], 6), make([]byte, 16), key, true), key, key[:16])
	} else {
		size := 16
		if r == 2 {
			size = 5
		}
		key = pdfOldKey(pdfDict{"P": {int64(-4)}}, o, id, int64(r), size)
		u := append(pdfOldCheck(key, id, int64(r)), make([]byte, 16)...)[:32]
		lock = fmt.Sprintf("/V %d/R %d/Length %d/P -4/O<%x>/U<%x>", r-1, r, size*8, o, u)
		if r == 4 {
			method = "AESV2"
			lock = strings.Replace(lock, "/V 3", "/V 4/CF<</StdCF<</CFM/AESV2/AuthEvent/DocOpen/Length 16>>>>/StmF/StdCF/StrF/StdCF", 1)
		}
	}
	if method != "AESV3" {
		salt := map[pdfName]string{"AESV2": "sAlT"}[method]
		sum := md5.Sum(join(key, binary.LittleEndian.AppendUint32(nil, 4)[:3], []byte{0, 0}, []byte(salt)))
		key = sum[:min(16, len(key)+5)]
	}
	if method == "V2" {
		rc4Over(key, content)
	} else {
		pad := 16 - len(content)%16
		iv := []byte("an initial vecto")
		content = append(iv, cbc(key, iv, append(content, bytes.Repeat([]byte{byte(pad)}, pad)...), true)...)
	}
	return pdfFile(dict, content, fmt.Sprintf("/Encrypt 5 0 R/ID[<%x><%x>]", id, id), "<</Filter/Standard"+lock+">>")
}

// TestPDFEncrypted: most encrypted PDFs open without a password. The engine,
// which decrypts them as well, says that the tests' encryption is right.
func TestPDFEncrypted(t *testing.T) {
	t.Parallel()
	const plain, odd = "/Type/EmbeddedFile/Filter/FlateDecode", attached + "/Filter/FlateDecode"
	var samples []sample
	for _, r := range []int{2, 3, 4, 6} {
		name := fmt.Sprintf("revision %d", r)
		samples = append(samples, sample{
			name: name + ", as the engine knows it", clamd: infected, want: infected,
			content: encryptedPDF(t, r, plain, zlibOf(t, eicarText())),
		})
		samples = append(samples, pairs(name, func(content []byte) []byte { return encryptedPDF(t, r, odd, zlibOf(t, content)) })...)
		samples = append(samples, pairs(name+", a container", func(content []byte) []byte {
			return encryptedPDF(t, r, plain, zlibOf(t, zstdOf(t, content)))
		})...)
		samples = append(samples, pairs(name+", not packed", func(content []byte) []byte {
			return encryptedPDF(t, r, attached, zstdOf(t, content))
		})...)
	}
	samples = append(samples,
		sample{name: "by certificate", clamd: "Heuristics.Encrypted.PDF", want: "encrypted", content: pdfFile(plain, pages(500), "/Encrypt<</Filter/Adobe.PubSec/V 4>>")},
		sample{name: "with a key that is missing", clamd: "Heuristics.Encrypted.PDF", want: "encrypted", content: pdfFile(plain, pages(500), "/Encrypt 9 0 R")},
	)
	try(t, samples)
}

// TestPDFLimits: what passes between filters counts, and so does what is read
// again and again.
func TestPDFLimits(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.Unpacked = 1 << 20
	for name, content := range map[string][]byte{
		"nothing comes out":  pdfFile("/Filter[/FlateDecode/ASCIIHexDecode]", zlibOf(t, bytes.Repeat([]byte(" "), 2<<20)), ""),
		"strings in strings": join([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("1 0 obj<</A("), 40000), []byte("startxref\n0\n%%EOF\n")),
	} {
		if got := check(t, Checker{Limits: limits}, content); got != "limit-size" {
			t.Errorf("%s: coverage says %q", name, got)
		}
	}
	// Every update of a PDF has a trailer, which says again how it is encrypted.
	updated := encryptedPDF(t, 4, attached+"/Filter/FlateDecode", zlibOf(t, pages(600)))
	if _, trailer, ok := bytes.Cut(updated, []byte("trailer")); ok {
		updated = append(updated, bytes.Repeat(append([]byte("trailer"), trailer...), 20)...)
	}
	if got := check(t, Checker{}, updated); got != "covered" {
		t.Errorf("20 updates: coverage says %q", got)
	}
}

// TestPDFManyStreams: more streams than a file may have members are no reason to
// refuse a PDF.
func TestPDFManyStreams(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	for i := range DefaultLimits().Members + 100 {
		fmt.Fprintf(&b, "%d 0 obj\n<</Length 20>>\nstream\nq %d 0 0 1 0 0 cm Q\nendstream\nendobj\n", i+1, i)
	}
	many := b.Bytes()
	end := []byte("trailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n")
	last := bytes.TrimPrefix(pdfFile(attached+"/Filter/FlateDecode", zlibOf(t, eicarText()), ""), []byte("%PDF-1.7\n"))
	for name, s := range map[string]struct {
		content []byte
		want    string
	}{"harmless": {join(many, end), "covered"}, "infected": {join(many, last), infected}} {
		if got := check(t, Checker{}, s.content); got != s.want {
			t.Errorf("%s: coverage says %q, want %q", name, got, s.want)
		}
	}
}
