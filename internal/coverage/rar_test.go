package coverage

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
)

// TestRAR holds for both kinds of engine: what differs is whether a RAR that is
// in order may be called clean.
func TestRAR(t *testing.T) {
	t.Parallel()
	if bytes.Contains(join(rar4Probe(), rar5Probe()), eicar.Bytes()) {
		t.Fatal("the probe shows EICAR to an engine that does not open it")
	}
	got4, got5 := alone(t, rar4Probe()), alone(t, rar5Probe())
	if got4 != got5 || got4 != "OK" && got4 != infected {
		t.Fatalf("clamd says %q about a RAR 4 and %q about a RAR 5 with EICAR", got4, got5)
	}
	opens := got4 == infected
	t.Logf("this engine opens RAR: %t", opens)
	whole, evil := "unsupported-archive", infected
	secret := "OK"
	if opens {
		whole, evil, secret = "covered", "covered", "Heuristics.Encrypted.RAR"
	}
	plain := fixture(t, "rar", "v5.rar")
	try(t, []sample{
		{name: "RAR 4 infected", content: rar4Probe(), clamd: got4, want: evil},
		{name: "RAR 5 infected", content: rar5Probe(), clamd: got5, want: evil},
		{name: "RAR 5", content: plain, want: whole},
		{name: "RAR 5 solid", content: fixture(t, "rar", "v5solid.rar"), want: whole},
		{name: "RAR 5 encrypted", content: fixture(t, "rar", "v5pw.rar"), clamd: secret, want: "encrypted"},
		{name: "RAR 5 with hidden names", content: fixture(t, "rar", "v5hp.rar"), clamd: secret, want: "encrypted"},
		{name: "RAR 5 cut", content: plain[:len(plain)/2], want: "damaged"},
		{name: "RAR 5 without its end", content: plain[:len(plain)-8], want: "damaged"},
		{name: "RAR 5 with a bit flipped", content: flipped(plain, 300), want: "damaged"},
		{name: "first volume", content: fixture(t, "rar", "volume1.rar"), want: "unsupported-archive"},
		{name: "last volume", content: fixture(t, "rar", "volume3.rar"), want: "unsupported-archive"},
		{name: "behind an ELF", content: join(elf(), rar5Probe()), want: infected},
		{name: "in a zip", content: goZip(t, "a", plain), want: whole},
	})
}

// elf is the header of a program that is only a header.
func elf() []byte {
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	binary.LittleEndian.PutUint16(b[16:], 2)  // executable
	binary.LittleEndian.PutUint16(b[18:], 62) // x86-64
	return b
}
