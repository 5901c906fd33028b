package cms_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// der returns a value of DER with a length of four bytes.
func der(tag byte, parts ...[]byte) []byte {
	body := unpacktest.Join(parts...)
	return unpacktest.Join(binary.BigEndian.AppendUint32([]byte{tag, 0x84}, uint32(len(body))), body)
}

const (
	pkcs7 = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
	smime = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01"
	sha   = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
)

// message returns a message of a content type, with elements in front of its content.
func message(kind string, before []byte, content []byte) []byte {
	inner := der(0x30, []byte(pkcs7+"\x01"), der(0xa0, der(0x04, content)))
	return der(
		0x30,
		[]byte(kind),
		der(0xa0, der(0x30, []byte("\x02\x01\x01"), before, inner, der(0xa0, []byte("\x04\x02no")))),
	)
}

func containers() []unpacktest.Container {
	algorithm := der(0x30, []byte(sha), []byte("\x05\x00"))
	decoy := der(0x31, der(0x30, []byte(sha), der(0x04, unpacktest.Pages(50))))
	of := func(build func(t testing.TB, b []byte) []byte) func(testing.TB, []byte) []byte { return build }
	return []unpacktest.Container{
		{
			Name: "signed, in pieces",
			Pack: of(func(_ testing.TB, b []byte) []byte { return unpacktest.SignedCMS(b) }),
			Head: 24,
		},
		{
			Name: "signed",
			Pack: of(func(_ testing.TB, b []byte) []byte { return message(pkcs7+"\x02", decoy, b) }),
			Head: 24,
		},
		{
			Name: "digested",
			Pack: of(func(_ testing.TB, b []byte) []byte { return message(pkcs7+"\x05", algorithm, b) }),
			Head: 24,
		},
		{Name: "compressed", Pack: of(func(t testing.TB, b []byte) []byte {
			return message(smime+"\x09", algorithm, unpacktest.ZlibOf(t, b))
		}), Head: 24},
		{Name: "data", Pack: of(func(_ testing.TB, b []byte) []byte {
			return der(0x30, []byte(pkcs7+"\x01"), der(0xa0, der(0x04, b)))
		}), Head: 24},
		{Name: "time-stamped", Pack: of(func(_ testing.TB, b []byte) []byte {
			return der(
				0x30,
				[]byte(smime+"\x1f"),
				der(0xa0, der(0x30, []byte("\x02\x01\x01"), der(0x04, b), algorithm)),
			)
		}), Head: 24},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	all := containers()
	for i := range all {
		all[i].Unsearched, all[i].Endless = true, true // elements behind the content may be missing
	}
	unpacktest.Conform(t, formats.All(), all...)
}

func FuzzCMS(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }

func TestMessages(t *testing.T) {
	t.Parallel()
	infected := unpacktest.SignedCMS(unpacktest.ZstdOf(t, unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar())))
	harmless := unpacktest.SignedCMS(unpacktest.ZstdOf(t, unpacktest.Pages(1000)))
	with := func(kind string, body ...[]byte) []byte {
		return der(0x30, []byte(kind), der(0xa0, der(0x30, body...)))
	}
	sealed := func(kind string) []byte { return with(kind, unpacktest.Pages(300)) }
	// What openssl crl2pkcs7 -certfile makes: no algorithm, no content, no signer.
	certificates := with(pkcs7+"\x02", []byte("\x02\x01\x01\x31\x00"), der(0x30, []byte(pkcs7+"\x01")),
		der(0xa0, der(0x30, unpacktest.Pages(300))), []byte("\x31\x00"))
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "in pieces", Content: infected, Want: unpacktest.Infected},
		{Name: "in pieces, harmless", Content: harmless, Want: unpacktest.Clean},
		{Name: "PEM", Content: unpacktest.Armored("PKCS7", infected), Want: unpacktest.Infected},
		{Name: "without content", Content: unpacktest.SignedCMS(nil), Want: unpacktest.Clean},
		{Name: "cut", Content: harmless[:len(harmless)/2], Want: "damaged"},
		{Name: "enveloped", Content: sealed(pkcs7 + "\x03"), Want: "encrypted"},
		{Name: "signed and enveloped", Content: sealed(pkcs7 + "\x04"), Want: "encrypted"},
		{Name: "authenticated and enveloped", Content: sealed(smime + "\x17"), Want: "encrypted"},
		{Name: "encrypted", Content: unpacktest.Armored("CMS", sealed(pkcs7+"\x06")), Want: "encrypted"},
		{Name: "certificates", Content: certificates, Want: unpacktest.Clean},
		{Name: "certificates in PEM", Content: unpacktest.Armored("PKCS7", certificates), Want: unpacktest.Clean},
		{Name: "unknown elements", Content: with(pkcs7+"\x02", []byte("\x1f\x1f"), make([]byte, 30)), Want: "damaged"},
		{Name: "PKCS #1 key", Content: bytes.Repeat([]byte("\x30\x82\x01\x0a"), 30), Want: unpacktest.Clean},
	})
}

// TestLengths checks messages in which a length is written with more bytes than it
// needs. BER allows this (X.690, 8.1.3.5), and openssl reads it.
func TestLengths(t *testing.T) {
	t.Parallel()
	// The search does not find zlib within other content.
	content := unpacktest.ZlibOf(t, unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar()))
	inner := der(0x30, []byte("\x06\x81\x09"+pkcs7[2:]+"\x01"), der(0xa0, der(0x04, content)))
	body := der(0xa0, der(0x30, []byte("\x02\x01\x01\x31\x00"), inner, []byte("\x31\x00")))
	longIdentifier := der(0x30, []byte("\x06\x81\x09"+pkcs7[2:]+"\x02"), body)
	zeros := bytes.Replace(message(pkcs7+"\x02", nil, content),
		[]byte{0x30, 0x84}, append([]byte{0x30, 0x84 + 100}, make([]byte, 100)...), 1)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "object identifier", Content: longIdentifier, Want: unpacktest.Infected},
		{Name: "leading zeros", Content: zeros, Want: unpacktest.Infected},
	})
}
