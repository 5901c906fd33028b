package coverage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// sevenOf is a 7z with a plain header, one folder of one coder and one file.
func sevenOf(method, packed, content []byte) []byte {
	h := []byte{header7zID, mainStreams7z, pack7z, 0, 1, size7z}
	h = append(append(h, number7z(len(packed))...), end7z)
	h = append(h, unpack7z, folder7z, 1, 0, 1, byte(len(method)))
	h = append(append(h, method...), unpackSize7z)
	h = append(append(h, number7z(len(content))...), digest7z, 1)
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(content))
	h = append(h, end7z, end7z) // of UnpackInfo, of StreamsInfo
	h = append(h, files7z, 1, 0x11, 5, 0, 'a', 0, 0, 0, end7z, end7z)
	start := le(uint64(len(packed)), uint64(len(h)), crc32.ChecksumIEEE(h))
	return join([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), le(crc32.ChecksumIEEE(start)), start, packed, h)
}

// number7z is a number of up to 32 bits.
func number7z(n int) []byte { return append([]byte{0xf0}, le(uint32(n))...) }

// fixture is a file of testdata; its README says how each was made.
func fixture(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func Test7z(t *testing.T) {
	t.Parallel()
	harmless, evil := pages(3000), eicarText()
	deflate := []byte{4, 1, 8}
	var samples []sample
	for name, want := range map[string]string{
		"bzip2": "covered", "ppmd": "covered", "arm": "covered", "arm64": "covered", "delta": "covered", "bcj2": "covered",
		"lzma": "covered", "lzma2": "covered", "plainheader": "covered",
		"deflate64": "unsupported-archive", "riscv": "unsupported-archive", "swap2": "unsupported-archive",
	} {
		whole := fixture(t, "7z", name+".7z")
		samples = append(samples,
			sample{name: name, content: whole, want: want},
			sample{name: name + " cut", content: whole[:len(whole)/2], want: "damaged"})
		if want == "covered" {
			samples = append(samples, sample{name: name + " with a bit flipped", content: flipped(whole, 100), want: "damaged"})
		}
	}
	try(t, append(samples, []sample{
		{name: "password", content: fixture(t, "7z", "password.7z"), clamd: "Heuristics.Encrypted.7Zip", want: "encrypted"},
		{name: "password and hidden names", content: fixture(t, "7z", "password-names.7z"), clamd: "Heuristics.Encrypted.7Zip", want: "encrypted"},
		{name: "deflate", content: sevenOf(deflate, deflated(t, harmless), harmless), want: "covered"},
		{name: "deflate infected", content: sevenOf(deflate, deflated(t, evil), evil), want: infected},
		{name: "zstd infected", content: sevenOf([]byte{4, 0xf7, 0x11, 1}, zstdOf(t, evil), evil), want: infected},
		{name: "unknown method", content: sevenOf([]byte{0x77, 0x66}, evil[:500], evil), want: "unsupported-archive"},
		{name: "stored zip64", content: sevenOf([]byte{0}, wide64(t), wide64(t)), want: infected},
		{name: "empty", content: join([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), le(crc32.ChecksumIEEE(make([]byte, 20))), make([]byte, 20)), want: "covered"},
	}...))
}

// A header of some bytes that announces billions of things must not cost the
// memory for them.
func TestBoastful7z(t *testing.T) {
	t.Parallel()
	huge := []byte{0xf0, 0xff, 0xff, 0xff, 0x7f}
	for name, h := range map[string][]byte{
		"files":   join([]byte{header7zID, files7z}, huge, []byte{end7z, end7z}),
		"folders": join([]byte{header7zID, mainStreams7z, unpack7z, folder7z}, huge, []byte{0}),
		"streams": join([]byte{header7zID, mainStreams7z, pack7z, 0}, huge, []byte{digest7z, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			start := le(uint64(0), uint64(len(h)), crc32.ChecksumIEEE(h))
			content := join([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), le(crc32.ChecksumIEEE(start)), start, h)
			if got := check(t, Checker{}, content); got != "damaged" && got != "limit-files" {
				t.Errorf("coverage says %q, want a refusal", got)
			}
		})
	}
	if !bytes.Equal(number7z(1), []byte{0xf0, 1, 0, 0, 0}) {
		t.Error("number7z is not 7z's")
	}
}
