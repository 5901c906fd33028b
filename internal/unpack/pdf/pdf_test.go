package pdf_test

import (
	"bytes"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

func containers() []unpacktest.Container {
	one := func(name string, pack func(t testing.TB, content []byte) []byte) unpacktest.Container {
		return unpacktest.Container{Name: name, Pack: pack, Head: 5, Endless: true}
	}
	all := []unpacktest.Container{
		one("no filter", func(_ testing.TB, b []byte) []byte { return file(attached, b, "") }),
		one("flate", func(t testing.TB, b []byte) []byte { return file(flate, unpacktest.ZlibOf(t, b), "") }),
		one("LZW", func(t testing.TB, b []byte) []byte {
			return file(attached+"/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>", lzwOf(t, b, false), "")
		}),
		one("base 85", func(_ testing.TB, b []byte) []byte { return file(attached+"/Filter/A85", base85(b), "") }),
		one("hexadecimal", func(_ testing.TB, b []byte) []byte {
			return file(attached+"/Filter/AHx", []byte(hex.EncodeToString(b)), "")
		}),
	}
	for _, r := range []int{2, 3, 4, 5, 6} {
		all = append(all, one(fmt.Sprintf("encrypted, revision %d", r), func(t testing.TB, b []byte) []byte {
			return encrypted(t, lock{revision: r}, flate, unpacktest.ZlibOf(t, b))
		}))
	}
	return all
}

func base85(b []byte) []byte {
	out := make([]byte, ascii85.MaxEncodedLen(len(b)))
	return append(out[:ascii85.Encode(out, b)], "~>"...)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzPDF(f *testing.F) {
	text := unpacktest.Pages(300)
	unpacktest.Fuzz(f, formats.All(), containers(),
		unpacktest.PdfOf(text),
		[]byte("%PDF-1.5\n1 0 obj\n<< /Linearized 1 /L 90000 /O 3 >>\nendobj\nstartxref\n0\n%%EOF\n"),
		file(attached+"/Filter[/A85/Fl]/DecodeParms 5 0 R", unpacktest.ZlibOf(f, text), "", "<</Predictor 15/Columns 10>>"),
		file("/Desc(a\\(b)/Filter/LZW", runLengthOf(text), ""),
		file("/Filter 5 0 R", runLengthOf(text), "/Encrypt<</Filter/Standard/V 4/R 4/O(a)/U(b)/P -4>>", "/RL"),
		file("", text, "", "<</JS(app.alert\\0501\\051;)>>",
			"<</Type/ObjStm/N 1/First 4/Length 20>>stream\n9 0 <</JS(abcdefgh)>>\nendstream"),
	)
}

// TestWhole checks PDFs that are complete, and PDFs that were cut off.
func TestWhole(t *testing.T) {
	t.Parallel()
	whole := unpacktest.PdfOf(unpacktest.Pages(5000))
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "whole", Content: whole, Want: unpacktest.Clean},
		{Name: "cut", Content: whole[:4000], Want: "damaged"},
		{Name: "line appended", Content: unpacktest.Join(whole, []byte("\n\n\x00")), Want: unpacktest.Clean},
		{
			Name: "linearized, cut after its first end", Want: "damaged",
			Content: unpacktest.Join([]byte("%PDF-1.5\n1 0 obj\n<< /Linearized 1 /L 90000 /O 3 >>\nendobj\n"+
				"startxref\n0\n%%EOF\n"), unpacktest.Pages(500)),
		},
		{
			Name: "gzip appended", Want: unpacktest.Infected,
			Content: unpacktest.Join(whole, unpacktest.GzipOf(t, unpacktest.Eicar())),
		},
	})
}

// TestElsewhere checks PDFs within other content, and PDFs without a header.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	inner := func(content []byte) []byte { return file(flate, unpacktest.ZlibOf(t, content), "") }
	headless := func(content []byte) []byte { return bytes.TrimPrefix(inner(content), []byte("%PDF-1.7\n")) }
	var samples []unpacktest.Sample
	for name, build := range map[string]func(content []byte) []byte{
		"behind text":      func(b []byte) []byte { return unpacktest.Join(unpacktest.Pages(500), inner(b)) },
		"behind a picture": func(b []byte) []byte { return unpacktest.Join(unpacktest.Heads()["GIF"], inner(b)) },
		"behind a gzip": func(b []byte) []byte {
			return unpacktest.Join(unpacktest.GzipOf(t, unpacktest.Pages(99)), inner(b))
		},
		"far behind text": func(b []byte) []byte { return unpacktest.Join(unpacktest.Pages(70<<10), inner(b)) },
		"far from both ends of text": func(b []byte) []byte {
			return unpacktest.Join(unpacktest.Pages(9<<10), inner(b), unpacktest.Pages(9<<10))
		},
		"without a header": headless,
		"without a header, far behind text": func(b []byte) []byte {
			return unpacktest.Join(unpacktest.Pages(9<<10), headless(b))
		},
		"behind a tar": func(b []byte) []byte {
			head := []byte("text with %PDF-1.7\nin it\n")
			return unpacktest.Join(unpacktest.TarOf(t, head), headless(b))
		},
	} {
		samples = append(samples, unpacktest.Pair(name, build)...)
	}
	samples = append(samples,
		unpacktest.Sample{
			Name: "text about PDFs", Want: unpacktest.Clean,
			Content: unpacktest.Join(unpacktest.Pages(500), []byte("they begin with %PDF-1.4 and have a stream\n")),
		},
		unpacktest.Sample{
			Name: "program that writes PDFs", Want: unpacktest.Clean,
			Content: unpacktest.Join(unpacktest.ELF(), []byte("%PDF-1.4\n\x00%d 0 obj\n\x00<</Length %d>>stream\n\x00"+
				"trailer\n<</Root 1 0 R/Encrypt %d 0 R/Encrypt 7 0 R/Encrypt<</O<%s>>>>>>\nstartxref\n%%EOF\x00")),
		},
	)
	unpacktest.Try(t, formats.All(), samples)
}

// TestDictionaries checks spellings of an attachment's dictionary. clamd does not unpack
// most of them. qpdf, pikepdf and LibreOffice write the first two.
func TestDictionaries(t *testing.T) {
	t.Parallel()
	const filter = "/Filter/FlateDecode"
	var samples []unpacktest.Sample
	for name, dict := range map[string]string{
		"checksum in front of the filter": attached + filter,
		"MIME type": "/Type/EmbeddedFile/Subtype/application#2Foctet-stream" +
			"/Params<</CheckSum<a63206d51169a157fb3f06d520dff004>/Size 640>>" + filter,
		"string with an end":          "/Desc(a >> b)" + filter,
		"string with a stream":        "/Desc(a stream b)" + filter,
		"string with an object's end": "/Desc( endobj )" + filter,
		"string with an object":       attached + "/Desc( 7 0 obj<<>> )" + filter,
		"string with parentheses":     "/Desc(\\)((a\\134) >> \\\\) )" + filter,
		"comment":                     "/Type/EmbeddedFile/Filter%c >> \n/FlateDecode",
		"identity": "/Type/EmbeddedFile/Filter[/Crypt/FlateDecode]" +
			"/DecodeParms[<</Name/Identity>>null]",
		"reference to a filter": "/Type/EmbeddedFile/Filter 5 0 R",
		"list of references":    "/Type/EmbeddedFile/Filter[5 0 R]",
		"reference to a list":   "/Type/EmbeddedFile/Filter 6 0 R",
		"reference to nothing":  "/Type/EmbeddedFile/Filter 9 0 R",
		"last of many filters":  strings.Repeat("/Filter/AHx", 9) + filter,
		"long dictionary":       attached + "/Desc(" + strings.Repeat("long ", 70000) + ")" + filter,
		"very long dictionary":  attached + "/Desc(" + strings.Repeat("long ", 700000) + ")" + filter,
	} {
		samples = append(samples, unpacktest.Pair(name, func(content []byte) []byte {
			return file(dict, unpacktest.ZlibOf(t, content), "", "/FlateDecode", "[5 0 R]")
		})...)
	}
	const objects = "9 0 10 17 /RunLengthDecode [/RunLengthDecode]"
	stream := fmt.Sprintf("<</Type/ObjStm/N 2/First 10/Length %d>>stream\n%s\nendstream", len(objects), objects)
	untyped := strings.Replace(strings.Replace(stream, "/Type/ObjStm", "", 1), "/First 10", "/First 6 0 R", 1)
	for name, s := range map[string]struct{ filter, stream string }{
		"filter in an object stream":                {"9 0 R", stream},
		"list of filters in an object stream":       {"10 0 R", stream},
		"filter in an object stream without a type": {"9 0 R", untyped},
	} {
		samples = append(samples, unpacktest.Pair(name, func(content []byte) []byte {
			return file("/Desc 1/Filter "+s.filter, runLengthOf(content), "", s.stream, "10")
		})...)
	}
	for name, number := range map[string]string{
		"comment in front of the object": "4 0%x\nobj", "comments in front of the object": "4 %1\n%2 0 \n0%x\n\nobj",
	} {
		samples = append(samples, unpacktest.Pair(name, func(content []byte) []byte {
			return replaced(file(attached+"/Filter/RunLengthDecode", runLengthOf(content), ""), "4 0 obj", number)
		})...)
	}
	samples = append(samples, unpacktest.Sample{
		Name: "container", Want: unpacktest.Infected,
		Content: file(flate, unpacktest.ZlibOf(t, unpacktest.ZstdOf(t, unpacktest.Eicar())), ""),
	})
	unpacktest.Try(t, formats.All(), samples)
}

// TestExact checks that data is shown byte for byte as some reader reads it, where its
// length is missing, wrong or a reference.
func TestExact(t *testing.T) {
	t.Parallel()
	content := []byte("a file that has a\nendstream\nin it, " + string(unpacktest.Pages(300)) + " and ends\r\n")
	short := unpacktest.Join(unpacktest.Pages(300), []byte("x"))
	length := fmt.Sprintf("/Length %d>>", len(content))
	objects := fmt.Sprintf("<</Type/ObjStm/N 1/First 4/Length 8>>stream\n9 0 %d\nendstream", len(content))
	for name, s := range map[string]struct {
		file, want []byte
	}{
		"length": {file(attached, content, ""), content},
		"reference to a length": {
			replaced(file(attached, content, "", fmt.Sprint(len(content))), length, "/Length 5 0 R>>"), content,
		},
		"length in an object stream": {
			replaced(file(attached, content, "", objects), length, "/Length 9 0 R>>"), content,
		},
		"no length":        {replaced(file(attached, short, ""), "/Length 301", ""), short},
		"length too short": {replaced(file(attached, short, ""), "/Length 301", "/Length 30"), short},
		"length too long":  {replaced(file(attached, short, ""), "/Length 301", "/Length 999999"), short},
		"length that only some readers believe": {
			replaced(file(attached, content, ""), "\nendstream\nendobj", " \nendobj"), content,
		},
		"text behind the word stream": {replaced(file(attached, short, ""), "stream\n", "stream it is \r\n"), short},
		"hexadecimal without its end": {file(attached+"/Filter/AHx", []byte(hex.EncodeToString(short)), ""), short},
		"names with escapes":          {file("/Type/EmbeddedFile/F#69lter/#46l", unpacktest.ZlibOf(t, short), ""), short},
		"picture":                     {unnamed("/Width 9/Height 9/Filter/DCTDecode", short), short},
		"JBIG2 in flate":              {unnamed("/Filter[/Fl/JBIG2Decode]", unpacktest.ZlibOf(t, short)), short},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, s.file, unpacktest.Exact(s.want))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the data shown byte for byte", got)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	zlib := func(b []byte) []byte { return unpacktest.ZlibOf(t, b) }
	early := func(b []byte) []byte { return lzwOf(t, b, true) }
	var samples []unpacktest.Sample
	for name, f := range map[string]struct {
		filter string
		pack   func([]byte) []byte
	}{
		"LZW":       {"/LZWDecode", early},
		"LZW, long": {"/LZWDecode", func(b []byte) []byte { return early(append(b, unpacktest.Pages(3000)...)) }},
		"LZW, late change of width": {
			"/LZWDecode/DecodeParms<</EarlyChange 0>>",
			func(b []byte) []byte { return lzwOf(t, append(b, unpacktest.Pages(9000)...), false) },
		},
		"run lengths": {"/RunLengthDecode", runLengthOf},
		"hexadecimal": {"/ASCIIHexDecode", func(b []byte) []byte {
			return []byte(hex.EncodeToString(b) + ">")
		}},
		"base 85": {"[/ASCII85Decode/FlateDecode]", func(b []byte) []byte { return base85(zlib(b)) }},
		"PNG predictor": {"/Fl/DecodeParms<</Predictor 12/Columns 10>>", func(b []byte) []byte {
			return zlib(pngRows(b))
		}},
		"PNG predictor by reference": {"/FlateDecode/DecodeParms 5 0 R", func(b []byte) []byte { return zlib(pngRows(b)) }},
		"twice":                      {"[/FlateDecode/FlateDecode]", func(b []byte) []byte { return zlib(zlib(b)) }},
		"three filters": {"[/FlateDecode/RunLengthDecode/LZWDecode]", func(b []byte) []byte {
			return zlib(runLengthOf(early(b)))
		}},
		"without zlib's header": {"/FlateDecode", func(b []byte) []byte {
			return append([]byte("xx"), zlib(b)[2:]...)
		}},
	} {
		samples = append(samples, unpacktest.Pair(name, func(content []byte) []byte {
			return file(attached+"/Filter"+f.filter, f.pack(content), "", "<</Predictor 15/Columns 10>>")
		})...)
	}
	text := zlib(unpacktest.Pages(500))
	for _, s := range []unpacktest.Sample{
		{Name: "unknown filter, attached", Content: file("/Type/EmbeddedFile/Filter[/FlateDecode/JBIG2Decode]", text, "")},
		{Name: "unknown filter, attached by a reference alone", Content: file("/Filter[/FlateDecode/JBIG2Decode]", text, "")},
		{Name: "attachment that is a picture", Content: file(attached+"/Filter/DCTDecode", unpacktest.Pages(20), "")},
		{
			Name:    "unknown filter, attached by a reference to a list",
			Content: replaced(file("/Filter/X", text, "", "<</XX 4 0 R>>"), "/EF<</F 4 0 R>>", "/EF 5 0 R"),
		},
		{
			Name:    "rows of megabytes",
			Content: file("/Type/EmbeddedFile/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 9000000>>", text, ""),
		},
	} {
		s.Want = "unsupported-archive"
		samples = append(samples, s)
	}
	samples = append(samples,
		unpacktest.Sample{
			Name: "17 filters", Want: "limit-recursion",
			Content: file("/Filter["+strings.Repeat("/Crypt", 17)+"]", unpacktest.Pages(300), ""),
		},
		unpacktest.Sample{
			Name: "damaged", Want: "damaged",
			Content: file(flate, unpacktest.ZlibOf(t, unpacktest.GzipOf(t, unpacktest.Pages(500))[:90]), ""),
		},
		unpacktest.Sample{
			Name: "unknown filter of a picture", Want: unpacktest.Clean,
			Content: unnamed("/Width 9/Height 9/Filter[/FlateDecode/JBIG2Decode]", text),
		},
		unpacktest.Sample{
			Name: "pixels like a gzip", Want: unpacktest.Clean,
			Content: unnamed("/Width 9/Height 9/Filter/FlateDecode",
				unpacktest.ZlibOf(t, append([]byte("\x1f\x8b"), unpacktest.Pages(500)...))),
		},
	)
	unpacktest.Try(t, formats.All(), samples)
}

// TestLateClear checks LZW whose writer clears the full table late or never. Readers use
// the table's last entry then.
func TestLateClear(t *testing.T) {
	t.Parallel()
	for early := range 2 {
		packed, want := lateClear(early)
		dict := fmt.Sprintf("%s/Filter/LZWDecode/DecodeParms<</EarlyChange %d>>", attached, early)
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, file(dict, packed, ""), unpacktest.Exact(want))
		if got.Outcome != unpack.Found {
			t.Errorf("EarlyChange %d: got %+v, want the data shown byte for byte", early, got)
		}
	}
}

// lateClear returns data in LZW that uses the last entry of the table. early is 1 where
// the width of codes changes early.
func lateClear(early int) (packed, want []byte) {
	var out codes
	out.put(256, 9)
	put := func(code uint32) {
		width := uint32(9)
		for next := 258 + max(0, len(want)-1); width < 12 && next+early >= 1<<width; {
			width++
		}
		out.put(code, width)
	}
	for i := range 90000 { // each adds an entry of two characters
		c := byte('a' + i*i%17)
		put(uint32(c))
		want = append(want, c)
	}
	const last = 4095
	out.put(last, 12)
	want = append(want, want[last-258:last-258+2]...)
	out.put(257, 12)
	out.put(0, 7)
	return out.b, want
}
