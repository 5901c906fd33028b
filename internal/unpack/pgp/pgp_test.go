package pgp_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name:       "literal",
			Pack:       func(_ testing.TB, b []byte) []byte { return unpacktest.LiteralPGP(b) },
			Endless:    true,
			Unsearched: true,
		},
		{
			Name:       "literal in parts",
			Pack:       func(_ testing.TB, b []byte) []byte { return unpacktest.PartsPGP(b) },
			Endless:    true,
			Unsearched: true,
		},
		{Name: "compressed", Pack: func(t testing.TB, b []byte) []byte {
			return unpacktest.CompressedPGP(t, 1, unpacktest.LiteralPGP(b))
		}, Endless: true, Unsearched: true},
		{Name: "compressed with zlib", Pack: func(t testing.TB, b []byte) []byte {
			return unpacktest.CompressedPGP(t, 2, unpacktest.PartsPGP(b))
		}, Endless: true, Unsearched: true},
		{Name: "in armor", Pack: func(_ testing.TB, b []byte) []byte {
			return unpacktest.Armored("PGP MESSAGE", unpacktest.LiteralPGP(b))
		}, Endless: true},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzPGP(f *testing.F) {
	session := unpacktest.PacketPGP(3, []byte("\x04\x09\x03\x0212345678\x60"))
	unpacktest.Fuzz(
		f,
		formats.All(),
		containers(),
		unpacktest.Join(session, unpacktest.PacketPGP(18, unpacktest.Pages(300))),
	)
}

func TestMessages(t *testing.T) {
	t.Parallel()
	text := unpacktest.Pages(300)
	infected := unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar())
	byPassphrase := unpacktest.PacketPGP(3, []byte("\x04\x09\x03\x0212345678\x60"))
	byKey := unpacktest.PacketPGP(1, unpacktest.Join([]byte("\x0312345678\x01"), text[:258]))
	sealed := unpacktest.PacketPGP(18, unpacktest.Join([]byte{1}, text))
	onePass := unpacktest.PacketPGP(4, []byte("\x03\x00\x08\x0112345678\x01"))
	signature := unpacktest.PacketPGP(2, unpacktest.Join([]byte("\x04\x00\x01\x08"), text))
	key := unpacktest.Join(
		unpacktest.PacketPGP(6, unpacktest.Join([]byte{4}, text)),
		unpacktest.PacketPGP(13, []byte("a <a@example.com>")), signature,
	)
	unknown := unpacktest.PacketPGP(60, text[:30])
	zipped := func(b []byte) []byte { return unpacktest.ZstdOf(t, b) }
	stream := unpacktest.PartsPGP(unpacktest.GoZip(t, "a", unpacktest.Pages(3000)))
	signed := unpacktest.Join(onePass, unpacktest.LiteralPGP(text), signature)
	compressed := unpacktest.CompressedPGP(t, 2, signed)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "gpg -c", Content: unpacktest.Join(byPassphrase, sealed), Want: "encrypted"},
		{Name: "gpg -e", Content: unpacktest.Join(byKey, byKey, sealed), Want: "encrypted"},
		{
			Name:    "gpg of RFC 4880bis",
			Content: unpacktest.Join(byKey, unpacktest.PacketPGP(20, unpacktest.Join([]byte{1}, text))),
			Want:    "encrypted",
		},
		{
			Name:    "gpg -c -a",
			Content: unpacktest.Armored("PGP MESSAGE", unpacktest.Join(byPassphrase, sealed)),
			Want:    "encrypted",
		},
		{
			Name:    "gpg -c in a zip",
			Content: unpacktest.GoZip(t, "a", unpacktest.Join(byPassphrase, sealed)),
			Want:    "encrypted",
		},
		{
			Name:    "gpg -c, and a literal packet",
			Content: unpacktest.Join(byPassphrase, sealed, unpacktest.LiteralPGP(zipped(infected))),
			Want:    unpacktest.Infected,
		},
		{
			Name: "gpg -s, and a packet of an unknown type",
			Content: unpacktest.Join(
				onePass, unknown, unpacktest.CompressedPGP(t, 2, unpacktest.LiteralPGP(infected)), signature,
			),
			Want: unpacktest.Infected,
		},
		{Name: "gpg --export", Content: key, Want: unpacktest.Clean},
		{Name: "gpg -b", Content: signature, Want: unpacktest.Clean},
		{Name: "gpg -b -a", Content: unpacktest.Armored("PGP SIGNATURE", signature), Want: unpacktest.Clean},
		{Name: "session key without a message", Content: unpacktest.Join(byPassphrase, text), Want: unpacktest.Clean},
		{
			Name:    "gpg --store",
			Content: unpacktest.CompressedPGP(t, 1, unpacktest.LiteralPGP(zipped(infected))),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "gpg --store, harmless",
			Content: unpacktest.CompressedPGP(t, 1, unpacktest.LiteralPGP(text)),
			Want:    unpacktest.Clean,
		},
		{
			Name: "gpg -s",
			Content: unpacktest.CompressedPGP(
				t,
				2,
				unpacktest.Join(onePass, unpacktest.LiteralPGP(zipped(infected)), signature),
			),
			Want: unpacktest.Infected,
		},
		{Name: "gpg -s, harmless", Content: compressed, Want: unpacktest.Clean},
		{Name: "gpg -s, cut", Content: compressed[:len(compressed)-20], Want: "damaged"},
		{
			Name:    "gpg -s without compression, cut",
			Content: unpacktest.Join(onePass, unpacktest.LiteralPGP(text))[:200],
			Want:    "damaged",
		},
		{
			Name:    "PGP 2, which puts the signature first",
			Content: unpacktest.Join(signature, unpacktest.LiteralPGP(zipped(infected))),
			Want:    unpacktest.Infected,
		},
		{
			Name: "gpg -s -a",
			Content: unpacktest.Armored(
				"PGP MESSAGE",
				unpacktest.CompressedPGP(t, 2, unpacktest.LiteralPGP(zipped(infected))),
			),
			Want: unpacktest.Infected,
		},
		{
			Name: "gpg -s of a stream",
			Content: unpacktest.Join(onePass,
				unpacktest.PartsPGP(unpacktest.GoZip(t, "a", unpacktest.Join(unpacktest.Pages(3000), infected))), signature),
			Want: unpacktest.Infected,
		},
		{
			Name:    "gpg -s of a stream, harmless",
			Content: unpacktest.Join(onePass, stream, signature),
			Want:    unpacktest.Clean,
		},
		{Name: "zip in parts", Content: stream, Want: unpacktest.Clean},
	})
}
