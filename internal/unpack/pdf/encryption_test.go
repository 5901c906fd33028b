package pdf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestEncrypted checks PDFs that open without a password. clamd decrypts the first of
// each revision, which proves that the tests encrypt as the standard says.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	for _, r := range []int{2, 3, 4, 5, 6} {
		l := lock{revision: r}
		name := fmt.Sprintf("revision %d", r)
		samples = append(samples, unpacktest.Sample{
			Name: name + ", as clamd decrypts it", Want: unpacktest.Infected,
			Content: encrypted(t, l, plainFlate, unpacktest.ZlibOf(t, unpacktest.Eicar())),
		})
		samples = append(samples, unpacktest.Sample{ // clamd cannot decrypt it
			Name: name + ", owner without a password, infected", Want: unpacktest.Infected,
			Content: encrypted(t, lock{revision: r, owner: true}, flate, unpacktest.ZlibOf(t, unpacktest.Eicar())),
		})
		for kind, build := range map[string]func(content []byte) []byte{
			"": func(b []byte) []byte { return encrypted(t, l, flate, unpacktest.ZlibOf(t, b)) },
			", container": func(b []byte) []byte {
				return encrypted(t, l, plainFlate, unpacktest.ZlibOf(t, unpacktest.ZstdOf(t, b)))
			},
			", no filter": func(b []byte) []byte { return encrypted(t, l, attached, unpacktest.ZstdOf(t, b)) },
			", and a stream that is not encrypted": func(b []byte) []byte {
				return encrypted(t, l, flate, unpacktest.ZlibOf(t, unpacktest.Pages(99)),
					fmt.Sprintf("<</Filter[/Crypt/RL]/DecodeParms[<</Name/Identity>>]>>stream\n%s\nendstream", runLengthOf(b)))
			},
		} {
			samples = append(samples, unpacktest.Pair(name+kind, build)...)
		}
	}
	samples = append(samples, unpacktest.Pair("metadata not encrypted", func(b []byte) []byte {
		return encrypted(t, lock{revision: 4, more: "/EncryptMetadata false"}, flate, unpacktest.ZlibOf(t, b))
	})...)
	nothing := strings.NewReplacer("/CFM/AESV2", "/CFM/None", "/StmF/StdCF/StrF/StdCF", "/StmF/Identity/StrF/Identity")
	for name, want := range map[string]string{"damaged": "damaged", "whole": unpacktest.Clean} {
		content := unpacktest.GzipOf(t, unpacktest.Pages(500))
		if name == "damaged" {
			content = content[:90]
		}
		dictionary, _, _ := lock{revision: 4}.dictionary(t)
		samples = append(samples, unpacktest.Sample{
			Name: "cipher None, " + name, Want: want,
			Content: file(flate, unpacktest.ZlibOf(t, content), fmt.Sprintf("/Encrypt 5 0 R/ID[<%x>]", fileID),
				"<</Filter/Standard"+nothing.Replace(dictionary)+">>"),
		})
	}
	samples = append(samples,
		unpacktest.Sample{
			Name: "certificate", Want: "encrypted",
			Content: file(plainFlate, unpacktest.Pages(500), "/Encrypt<</Filter/Adobe.PubSec/V 4>>"),
		},
		unpacktest.Sample{
			Name: "missing dictionary", Want: "encrypted",
			Content: file(plainFlate, unpacktest.Pages(500), "/Encrypt 9 0 R"),
		},
		unpacktest.Sample{
			Name: "unknown cipher", Want: "encrypted",
			Content: encrypted(t, lock{revision: 4, more: "/CF<</StdCF<</CFM/AESV9>>>>"}, flate,
				unpacktest.ZlibOf(t, unpacktest.Pages(500))),
		},
	)
	unpacktest.Try(t, formats.All(), samples)
}

// TestScripts checks that scripts in strings are shown as readers run them.
func TestScripts(t *testing.T) {
	t.Parallel()
	octal := func(b []byte) (out string) {
		for _, c := range b {
			out += fmt.Sprintf("\\%03o", c)
		}
		return "(" + out + ")"
	}
	wide := func(b []byte) (out string) {
		for _, c := range b {
			out += fmt.Sprintf("00%02X\n", c)
		}
		return "<FEFF" + out + ">"
	}
	plain := func(more ...string) []byte { return file(attached, unpacktest.Pages(99), "", more...) }
	inStream := func(object string) string {
		return fmt.Sprintf("<</Type/ObjStm/N 1/First 4/Filter/AHx>>stream\n%x\nendstream", "9 0 "+object)
	}
	var samples []unpacktest.Sample
	for name, build := range map[string]func(content []byte) []byte{
		"escapes":               func(b []byte) []byte { return plain("<</S/JavaScript/JS" + octal(b) + ">>") },
		"hexadecimal, UTF-16":   func(b []byte) []byte { return plain("<</S/JavaScript/JS" + wide(b) + ">>") },
		"reference to a string": func(b []byte) []byte { return plain("<</S/JavaScript/JS 6 0 R>>", wide(b)) },
		"in dictionaries": func(b []byte) []byte {
			return plain("<</A[<</B<</S/JavaScript/JS" + octal(b) + ">>>>]>>")
		},
		"in an object stream":        func(b []byte) []byte { return plain(inStream("<</S/JavaScript/JS" + wide(b) + ">>")) },
		"string in an object stream": func(b []byte) []byte { return plain(inStream(octal(b))) },
		"encrypted": func(b []byte) []byte {
			l := lock{revision: 3}
			_, method, key := l.dictionary(t)
			return encrypted(t, l, flate, unpacktest.ZlibOf(t, unpacktest.Pages(99)),
				fmt.Sprintf("<</S/JavaScript/JS<%x>>>", seal(t, method, objectKey(key, method, 6), b)))
		},
	} {
		samples = append(samples, unpacktest.Pair(name, build)...)
	}
	unpacktest.Try(t, formats.All(), samples)
}
