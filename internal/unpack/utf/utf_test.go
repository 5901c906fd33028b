package utf_test

import (
	"encoding/base64"
	"encoding/binary"
	"testing"
	"unicode/utf16"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// encode returns text in UTF-16 or UTF-32: in units of two or four bytes.
func encode(text string, width int, order binary.AppendByteOrder) []byte {
	var out []byte
	if width == 4 {
		for _, r := range text {
			out = order.AppendUint32(out, uint32(r))
		}
		return out
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// TestText checks that scripts in each encoding are shown in UTF-8.
func TestText(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{
		"script":                   "rem harmless\r\necho " + string(unpacktest.Eicar()) + "\r\n",
		"script beyond ASCII":      "rem Größe, размер, 大きさ, \U0001f600\r\necho 1 2 3 > x\r\n",
		"long script":              string(unpacktest.Pages(200_000)) + "\U0001f600",
		"script half beyond ASCII": "echo 1 2 3 > x размер размер\r\n",
	}
	little, big := binary.LittleEndian, binary.BigEndian
	for name, script := range scripts {
		for form, content := range map[string][]byte{
			"UTF-16":                  encode("\ufeff"+script, 2, little),
			"UTF-16BE":                encode("\ufeff"+script, 2, big),
			"UTF-16 without a mark":   encode(script, 2, little),
			"UTF-16BE without a mark": encode(script, 2, big),
			"UTF-32":                  encode("\ufeff"+script, 4, little),
			"UTF-32BE":                encode("\ufeff"+script, 4, big),
			"UTF-32 without a mark":   encode(script, 4, little),
			"UTF-32BE without a mark": encode(script, 4, big),
			"UTF-8":                   []byte("\ufeff" + script),
			"in gzip":                 unpacktest.GzipOf(t, encode("\ufeff"+script, 2, little)),
			"odd length":              append(encode("\ufeff"+script, 2, big), 'x'),
		} {
			t.Run(name+", "+form, func(t *testing.T) {
				t.Parallel()
				got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, content, unpacktest.Exact([]byte(script)))
				if got.Outcome != unpack.Found {
					t.Errorf("got %+v, want the script shown in UTF-8", got)
				}
			})
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	infected, harmless := string(unpacktest.Eicar()), string(unpacktest.Pages(900))
	uri := `<a href="data:a/b;base64,` + base64.StdEncoding.EncodeToString(unpacktest.Eicar()) + `">`
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "EICAR", Content: encode(infected, 2, binary.LittleEndian), Want: unpacktest.Infected},
		{Name: "EICAR with a mark", Content: encode("\ufeff"+infected, 4, binary.BigEndian), Want: unpacktest.Infected},
		{Name: "harmless", Content: encode("\ufeff"+harmless, 2, binary.LittleEndian), Want: unpacktest.Clean},
		{Name: "data URI", Content: encode("\ufeff"+uri+harmless, 2, binary.LittleEndian), Want: unpacktest.Infected},
		{
			Name:    "halves of surrogate pairs",
			Content: []byte("\xfe\xff\xd8\x00\xd8\x00\xdc\x00\x00a\xdc\x00\xd8\x00"),
			Want:    unpacktest.Clean,
		},
		{Name: "zeros", Content: make([]byte, 900), Want: unpacktest.Clean},
	})
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{Name: "UTF-16", Endless: true, Unsearched: true, Pack: func(_ testing.TB, b []byte) []byte {
			return encode("\ufeff"+string(b), 2, binary.LittleEndian)
		}},
	}
}

func FuzzUTF(f *testing.F) {
	unpacktest.Fuzz(f, formats.All(), containers(), []byte("\xfe\xff\xd8\x00\xd8\x00\xdc\x00\x00a"))
}
