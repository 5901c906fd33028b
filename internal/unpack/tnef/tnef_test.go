package tnef_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// tnef returns a file of attributes.
func tnef(attributes ...[]byte) []byte {
	return unpacktest.Join(
		[]byte("\x78\x9f\x3e\x22\x01\x00"),
		attribute(1, 0x89006, []byte{0, 0, 1, 0}),
		unpacktest.Join(attributes...),
	)
}

func attribute(level byte, id uint32, data []byte) []byte {
	sum := uint16(0)
	for _, b := range data {
		sum += uint16(b)
	}
	return unpacktest.Join([]byte{level}, unpacktest.LE(id, uint32(len(data))), data, unpacktest.LE(sum))
}

// attachment returns the attributes that Outlook writes for an attachment.
func attachment(content []byte) []byte {
	return unpacktest.Join(
		attribute(2, 0x69002, make([]byte, 14)),
		attribute(2, 0x18010, []byte("a.exe\x00")),
		attribute(2, 0x6800f, content),
	)
}

// property returns a property with one value of variable length.
func property(tag uint32, value []byte) []byte {
	return unpacktest.Join(unpacktest.LE(tag, uint32(1), uint32(len(value))), unpacktest.Pad4(value))
}

// others returns properties of several types, which precede the one that is tested.
func others() []byte {
	name := []byte("n\x00a\x00m\x00\x00\x00")
	return unpacktest.Join(
		unpacktest.LE(uint32(0x0e210003), uint32(1)),        // a number
		unpacktest.LE(uint32(0x30070040), uint64(77)),       // a time
		unpacktest.LE(uint32(0x3711000b), uint32(1)),        // a truth value
		unpacktest.LE(uint32(0x80001003)), make([]byte, 16), // numbers with a name
		unpacktest.LE(uint32(0), uint32(7), uint32(2), uint32(1), uint32(2)),
		unpacktest.LE(uint32(0x8001001e)), make([]byte, 16), // a text with a name that is a text
		unpacktest.LE(uint32(1), uint32(len(name))), unpacktest.Pad4(name),
		unpacktest.LE(uint32(1), uint32(3), uint32(0x4241)),
	)
}

const countOfOthers = 5

// listed returns a list of properties of which one with a value is the last.
func listed(tag uint32, value []byte) []byte {
	return unpacktest.Join(unpacktest.LE(uint32(countOfOthers+1)), others(), property(tag, value))
}

// compressed returns text as compressed rich text without references.
func compressed(text []byte) []byte {
	var out []byte
	at := 207
	for len(text) >= 8 {
		out = append(append(out, 0), text[:8]...)
		text, at = text[8:], at+8
	}
	out = append(append(out, 1<<len(text)), text...)
	at = (at + len(text)) & 0xfff
	out = append(out, byte(at>>4), byte(at<<4))
	return out
}

// framed returns the compressed form of a text with its header.
func framed(text, compressed []byte) []byte {
	return unpacktest.Join(
		unpacktest.LE(uint32(len(compressed)+12), uint32(len(text))),
		[]byte("LZFu"),
		unpacktest.LE(uint32(0)),
		compressed,
	)
}

func content() []byte { return append([]byte("MZ"), unpacktest.Pages(901)...) }

// TestAttachments checks that what Outlook can save is shown byte for byte.
func TestAttachments(t *testing.T) {
	t.Parallel()
	c := content()
	message := append([]byte("\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"), tnef(attachment(c))...)
	storage := append(slices.Repeat([]byte{1}, 16), c...)
	rich := []byte(`{\rtf1{\object{\*\objdata ` + hex.EncodeToString(c) + `}}}`)
	for name, file := range map[string][]byte{
		"attachment":           tnef(attachment(c)),
		"second attachment":    tnef(attachment(unpacktest.Pages(99)), attachment(c)),
		"icon":                 tnef(attribute(2, 0x68011, c)),
		"body":                 tnef(attribute(1, 0x2800c, c)),
		"wrong checksum":       append(tnef(attachment(c))[:len(tnef(attachment(c)))-2], 0, 0),
		"property":             tnef(attribute(2, 0x69005, listed(0x37010102, c))),
		"message in a message": tnef(attribute(2, 0x69005, listed(0x3701000d, message))),
		"OLE object":           tnef(attribute(2, 0x69005, listed(0x3701000d, storage))),
		"HTML":                 tnef(attribute(1, 0x69003, listed(0x10130102, c))),
		"rich text":            tnef(attribute(1, 0x69003, listed(0x10090102, framed(rich, compressed(rich))))),
		"behind a broken list": tnef(attribute(1, 0x69003, []byte("\xff\xff\xff\xff\xff\xff\xff\xff")), attachment(c)),
		"property of an unknown type": tnef(attribute(2, 0x69005,
			unpacktest.Join(unpacktest.LE(uint32(1), uint32(0x37010199)), unpacktest.GzipOf(t, c)))),
		"in a mail":              unpacktest.MailOf(tnef(attachment(c))),
		"within text":            append(unpacktest.Pages(99), tnef(attachment(c))...),
		"compressed text, alone": framed(c, compressed(c)),
		"compressed text with a size that is too small": framed(c[:10], compressed(c)),
		"stored text": unpacktest.Join(unpacktest.LE(uint32(len(c)+12), uint32(len(c))), []byte("MELA"),
			unpacktest.LE(uint32(0)), c),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, file, unpacktest.Exact(c))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the content shown byte for byte", got)
			}
		})
	}
}

// TestReferences checks the examples of MS-OXRTFCP, 3.2.1 and 3.2.2.
func TestReferences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ packed, want string }{
		"simple": {
			"2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0",
			"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
		},
		"reference to its own bytes": {
			"1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0",
			"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}",
		},
	} {
		packed, err := hex.DecodeString(test.packed)
		if err != nil {
			t.Fatal(err)
		}
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, packed, unpacktest.Exact([]byte(test.want)))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want %q shown", name, got, test.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "EICAR", Content: tnef(attachment(unpacktest.Eicar())), Want: unpacktest.Infected},
		{Name: "harmless", Content: tnef(attachment(unpacktest.Pages(900))), Want: unpacktest.Clean},
		{
			Name:    "in base64 in a mail",
			Content: unpacktest.MailOf(tnef(attachment(unpacktest.GzipOf(t, unpacktest.Eicar())))),
			Want:    unpacktest.Infected,
		},
		{Name: "cut", Content: tnef(attachment(unpacktest.Pages(900)))[:500], Want: "damaged"},
		{
			Name:    "cut, infected",
			Content: tnef(attachment(append(unpacktest.Eicar(), unpacktest.Pages(900)...)))[:500],
			Want:    unpacktest.Infected,
		},
		{
			Name:    "compressed text cut",
			Content: framed(unpacktest.Pages(900), compressed(unpacktest.Pages(900)))[:300],
			Want:    "damaged",
		},
		{
			Name:    "gzip appended",
			Content: append(tnef(attachment(unpacktest.Pages(9))), unpacktest.GzipOf(t, unpacktest.Eicar())...),
			Want:    unpacktest.Infected,
		},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name:    "attachment",
			Head:    6,
			Endless: true,
			Pack:    func(_ testing.TB, b []byte) []byte { return tnef(attachment(b)) },
		},
		{Name: "property", Head: 6, Endless: true, Pack: func(_ testing.TB, b []byte) []byte {
			return tnef(attribute(2, 0x69005, listed(0x37010102, b)))
		}},
		{Name: "compressed text", Head: 17, Endless: true, Unsearched: true, Pack: func(_ testing.TB, b []byte) []byte {
			return framed(b, compressed(b))
		}},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// TestCost checks that counts of properties and values which do not exist do not cost
// time.
func TestCost(t *testing.T) {
	t.Parallel()
	for name, file := range map[string][]byte{
		"properties": tnef(attribute(1, 0x69003, unpacktest.Join(unpacktest.LE(uint32(1<<31)), make([]byte, 90000)))),
		"values":     tnef(attribute(1, 0x69003, unpacktest.LE(uint32(1), uint32(0x3701101e), uint32(1<<31), uint32(0)))),
		"numbers":    tnef(attribute(1, 0x69003, unpacktest.LE(uint32(1), uint32(0x37011003), uint32(1<<31), uint32(0)))),
		"signatures": []byte(strings.Repeat("\x78\x9f\x3e\x22\x01\x00\x01", 20000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unpacktest.Bounded(t, formats.All(), file)
		})
	}
}

func FuzzTNEF(f *testing.F) {
	unpacktest.Fuzz(f, formats.All(), containers(), tnef(attribute(1, 0x69003, listed(0x3701000d, unpacktest.Pages(90)))))
}
