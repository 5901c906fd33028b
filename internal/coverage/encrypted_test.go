package coverage

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// packetPGP is a packet with a length of five bytes.
func packetPGP(tag byte, body []byte) []byte {
	return join(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, uint32(len(body))), body)
}

// literalPGP is a file in a message.
func literalPGP(content []byte) []byte {
	return packetPGP(pgpLiteral, join([]byte("b\x01a\x00\x00\x00\x00"), content))
}

// partsPGP is a literal packet in parts of 512 bytes, as gpg makes them of pipes.
func partsPGP(content []byte) []byte {
	out, body := []byte{0xc0 | pgpLiteral}, join([]byte("b\x01a\x00\x00\x00\x00"), content)
	for ; len(body) > 600; body = body[512:] {
		out = append(append(out, 224+9), body[:512]...)
	}
	out = append(out, 0xff)
	return append(binary.BigEndian.AppendUint32(out, uint32(len(body))), body...)
}

// compressedPGP is a packet of the old kind whose body goes to the end.
func compressedPGP(t testing.TB, algorithm byte, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if algorithm == 2 {
		return join([]byte{0xa3, 2}, written(t, &b, zlib.NewWriter(&b), content))
	}
	z, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	return join([]byte{0xa3, 1}, written(t, &b, z, content))
}

func armored(kind string, content []byte) []byte {
	return []byte("-----BEGIN " + kind + "-----\nComment: none\n\n" + strings.Join(slices.Collect(lines(base64.StdEncoding.EncodeToString(content))), "\n") +
		"\n=abcd\n-----END " + kind + "-----\n")
}

func TestEncryptedFiles(t *testing.T) {
	t.Parallel()
	text := pages(300)
	bySecret := packetPGP(pgpSharedSession, []byte("\x04\x09\x03\x0212345678\x60"))
	byKey := packetPGP(pgpPublicSession, join([]byte("\x0312345678\x01"), text[:258]))
	sealed := packetPGP(pgpSealed, join([]byte{1}, text))
	onePass := packetPGP(pgpOnePass, []byte("\x03\x00\x08\x0112345678\x01"))
	signature := packetPGP(pgpSignature, join([]byte("\x04\x00\x01\x08"), text))
	key := join(packetPGP(6, join([]byte{4}, text)), packetPGP(13, []byte("a <a@example.com>")), signature)
	cms := func(kind byte) []byte {
		return join([]byte("\x30\x82\x01\x40\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"), []byte{kind}, []byte("\xa0\x82\x01\x31\x30\x82\x01\x2d"), text)
	}
	smime := func(content []byte) []byte {
		return []byte("From: a@example.com\nSubject: x\nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n" +
			"Content-Transfer-Encoding: base64\n\n" + strings.Join(slices.Collect(lines(base64.StdEncoding.EncodeToString(content))), "\n") + "\n")
	}
	samples := []sample{
		{name: "gpg -c", content: join(bySecret, sealed), want: "encrypted"},
		{name: "gpg -e", content: join(byKey, byKey, sealed), want: "encrypted"},
		{name: "gpg of RFC 4880bis", content: join(byKey, packetPGP(pgpSealedAEAD, join([]byte{1}, text))), want: "encrypted"},
		{name: "gpg -c -a", content: armored("PGP MESSAGE", join(bySecret, sealed)), want: "encrypted"},
		{name: "gpg -c in a zip", content: goZip(t, "a", join(bySecret, sealed)), want: "encrypted"},
		{name: "gpg --export", content: key, want: "covered"},
		{name: "gpg -b", content: signature, want: "covered"},
		{name: "gpg -b -a", content: armored("PGP SIGNATURE", signature), want: "covered"},
		{name: "session key and nothing", content: join(bySecret, text), want: "covered"},
		{name: "gpg --store", content: compressedPGP(t, 1, literalPGP(eicarText())), want: infected},
		{name: "gpg --store, harmless", content: compressedPGP(t, 1, literalPGP(text)), want: "covered"},
		{name: "gpg -s", content: compressedPGP(t, 2, join(onePass, literalPGP(eicarText()), signature)), want: infected},
		{name: "gpg -s, harmless", content: compressedPGP(t, 2, join(onePass, literalPGP(text), signature)), want: "covered"},
		{name: "gpg -s -a", content: armored("PGP MESSAGE", compressedPGP(t, 2, literalPGP(eicarText()))), want: infected},
		{name: "gpg -s of a stream", content: join(onePass, partsPGP(goZip(t, "a", join(pages(3000), eicarText()))), signature), want: infected},
		{name: "gpg -s of a stream, harmless", content: join(onePass, partsPGP(goZip(t, "a", pages(3000))), signature), want: "covered"},
		{name: "S/MIME", content: cms(3), want: "encrypted"},
		{name: "S/MIME in a mail", content: smime(cms(3)), want: "encrypted"},
		{name: "S/MIME signed, in a mail", content: smime(cms(2)), want: "covered"},
		{name: "CMS", content: armored("CMS", cms(6)), want: "encrypted"},
		{name: "certificates", content: armored("PKCS7", cms(2)), want: "covered"},
		{name: "text about it", content: []byte("A message begins with " + armorPGP + ", openssl with Salted__, age with age-encryption.org/v1.\n"), want: "covered"},
	}
	for _, s := range sealedAlone() {
		samples = append(samples, sample{name: s.name + " " + s.text[:4], content: join([]byte(s.text), text), want: "encrypted"})
	}
	try(t, samples)
}

// sealedAlone is sealed with a name of its own for each.
func sealedAlone() []struct{ text, name string } {
	out := slices.Clone(sealed)
	for i := range out {
		out[i].name += string(rune('a' + i))
	}
	return out
}

// arjOf is an ARJ of one stored file with flags.
func arjOf(flags byte, content []byte) []byte {
	header := func(flags, kind byte, packed, size, sum uint32) []byte {
		b := join([]byte{30, 11, 1, 2, flags, 0, kind, 0}, le(uint32(0x6b035400), packed, size, sum), make([]byte, 6), []byte("a\x00\x00"))
		return join([]byte(arjMagic), le(uint16(len(b))), b, le(crc32.ChecksumIEEE(b), uint16(0)))
	}
	size := uint32(len(content))
	return join(header(0, 2, 0, 0, 0), header(flags, 0, size, size, crc32.ChecksumIEEE(content)), content, []byte(arjMagic+"\x00\x00"))
}

func TestARJ(t *testing.T) {
	t.Parallel()
	text := pages(3000)
	plain := arjOf(0, text)
	try(t, []sample{
		{name: "stored", content: plain, want: "covered"},
		{name: "stored, infected", content: arjOf(0, eicarText()), clamd: infected, want: "covered"},
		{name: "with a zip64", content: arjOf(0, wide64(t)), want: infected},
		{name: "and a zip64", content: join(plain, wide64(t)), want: infected},
		{name: "behind a program", content: join(elf(), plain), want: "covered"},
		{name: "encrypted", content: arjOf(arjGarbled, text), want: "encrypted"},
		{name: "encrypted behind a program", content: join(elf(), arjOf(arjGarbled, text)), want: "encrypted"},
		{name: "encrypted in a mail", content: mailOf(arjOf(arjGarbled, text)), want: "encrypted"},
		{name: "first of several", content: arjOf(arjVolume, text), want: "unsupported-archive"},
		{name: "cut", content: plain[:2000], want: "damaged"},
		{name: "without its end", content: plain[:len(plain)-4], want: "damaged"},
		{name: "with a bit flipped", content: flipped(plain, 1000), want: "damaged"},
	})
}
