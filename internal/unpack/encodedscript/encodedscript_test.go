package encodedscript_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/encodedscript"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// scriptOf encodes content as the Script Encoder does.
func scriptOf(_ testing.TB, content []byte) []byte {
	escapes := map[byte]string{'\n': "@&", '\r': "@#", '>': "@*", '<': "@!", '@': "@$"}
	var b strings.Builder
	index, encoded := 0, encodedscript.Encoder()
	for _, c := range content {
		escape, escaped := escapes[c]
		switch {
		case escaped:
			b.WriteString(escape)
		case c == '\t' || c >= ' ' && c < 0x80:
			b.WriteByte(encoded[index%64][c])
		default:
			b.WriteByte(c)
		}
		if c < 0x80 {
			index++
		}
	}
	size := base64.StdEncoding.EncodeToString(unpacktest.LE(uint32(b.Len())))
	return []byte("#@~^" + size + b.String() + "AAAAAA==^#~@\x00")
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{Name: "script", Pack: scriptOf, Head: 12, Endless: true}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

// TestKnown checks scripts that the Script Encoder itself has encoded, from documents
// about it.
func TestKnown(t *testing.T) {
	t.Parallel()
	for encoded, want := range map[string]string{
		"#@~^DgAAAA==\\ko$K6,JC\x7fV^GJqAQAAA==^#~@":                              "MsgBox \"Hello\"",
		"<%#@~^JgAAAA==@#@&IdcZ^W/\x7f`*@#@&U+OP\"/~x,1WD4k\to@#@&5AgAAA==^#~@%>": "\r\nRs.Close()\r\nSet Rs = Nothing\r\n",
	} {
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, []byte(encoded), unpacktest.Exact([]byte(want)))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want %q shown", encoded, got, want)
		}
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	samples := unpacktest.Pair("script file", func(b []byte) []byte { return scriptOf(t, b) })
	samples = append(samples, unpacktest.Pair("web page", func(b []byte) []byte {
		page := "<html><script language=\"VBScript.Encode\">"
		return unpacktest.Join([]byte(page), scriptOf(t, b), []byte("</script></html>"))
	})...)
	samples = append(samples, unpacktest.Pair("behind the header of another script", func(b []byte) []byte {
		return unpacktest.Join([]byte("#@~^/wAAAA=="), scriptOf(t, b), unpacktest.Pages(300))
	})...)
	samples = append(samples, unpacktest.Pair("length beyond the end", func(b []byte) []byte {
		return bytes.Replace(scriptOf(t, b), []byte("AAA=="), []byte("f/8=="), 1)
	})...)
	samples = append(samples, unpacktest.Sample{
		Name: "text about scripts", Want: unpacktest.Clean,
		Content: []byte("A script begins with #@~^ and a length, such as #@~^AAAAAA== for no bytes."),
	})
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzEncodedScript(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
