package coverage

import (
	"encoding/binary"
	"testing"
)

// signedCMS is a signed message in BER with its content in pieces.
func signedCMS(content []byte) []byte {
	out := []byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00" +
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80")
	for len(content) > 0 {
		part := content[:min(40, len(content))]
		content = content[len(part):]
		out = append(binary.BigEndian.AppendUint16(append(out, 0x04, 0x82), uint16(len(part))), part...)
	}
	return append(out, "\x00\x00\x00\x00\x00\x00\x31\x00\x00\x00\x00\x00\x00\x00"...)
}

// TestSignedCMS: S/MIME that is signed and holds what is signed.
func TestSignedCMS(t *testing.T) {
	t.Parallel()
	evil, calm := signedCMS(zstdOf(t, eicarText())), signedCMS(zstdOf(t, pages(1000)))
	try(t, []sample{
		{name: "in pieces", content: evil, want: infected},
		{name: "in pieces, harmless", content: calm, want: "covered"},
		{name: "mail in pieces", content: signedCMS(mailOf(goZip(t, "a", eicarText()))), want: infected},
		{name: "PEM", content: armored("PKCS7", evil), want: infected},
		{name: "in a mail", content: mailOf(evil), want: infected},
		{name: "in a mail, harmless", content: mailOf(calm), want: "covered"},
		{name: "without content", content: signedCMS(nil), want: "covered"},
		{name: "cut", content: calm[:len(calm)/2], want: "damaged"},
	})
}
