package pdf_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/pdf"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestLimits checks that bytes between filters count, and bytes that are read again and
// again.
func TestLimits(t *testing.T) {
	t.Parallel()
	limits := unpack.DefaultLimits()
	limits.Unpacked = 1 << 20
	end := []byte("startxref\n0\n%%EOF\n")
	for name, content := range map[string][]byte{
		"nothing unpacked": file("/Filter[/FlateDecode/ASCIIHexDecode]",
			unpacktest.ZlibOf(t, bytes.Repeat([]byte(" "), 2<<20)), ""),
		"strings in strings": unpacktest.Join([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("1 0 obj<</A("), 40000), end),
	} {
		got := unpacktest.Check(t, unpack.Checker{Formats: formats.All(), Limits: limits}, content, unpacktest.FindsNothing)
		if v := unpacktest.Verdict(got); v != "limit-size" {
			t.Errorf("%s: got %q, want limit-size", name, v)
		}
	}
	// Every update of a PDF has a trailer with the reference to its encryption.
	updated := encrypted(t, lock{revision: 4}, flate, unpacktest.ZlibOf(t, unpacktest.Pages(600)))
	if _, trailer, ok := bytes.Cut(updated, []byte("trailer")); ok {
		updated = append(updated, bytes.Repeat(append([]byte("trailer"), trailer...), 20)...)
	}
	got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, updated, unpacktest.FindsNothing)
	if v := unpacktest.Verdict(got); v != unpacktest.Clean {
		t.Errorf("20 updates: got %q (%s), want clean", v, got.Detail)
	}
}

// TestCost checks inputs of a megabyte which could cost the square of their size, which
// is minutes.
func TestCost(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	filled := func(s string) []byte { return bytes.Repeat([]byte(s), size/len(s)) }
	for name, content := range map[string][]byte{
		"streams without an end":             filled("1 0 obj<<>>stream\n"),
		"streams without an end, LZW":        filled("1 0 obj<</Filter/LZW>>stream\n"),
		"streams without an end, RL":         filled("1 0 obj<</Filter/RL>>stream\n"),
		"streams without an end, zlib":       filled("1 0 obj<</Filter/Fl>>stream\nx\x9c\x01\xff\x7f\x00\x80"),
		"streams that reach to the end":      filled("1 0 obj<</Length 999999/Length 500001>>stream\n"),
		"strings":                            filled("1 0 obj("),
		"hexadecimal":                        filled("1 0 obj<"),
		"arrays":                             filled("1 0 obj["),
		"dictionaries in one another":        filled("1 0 obj<</A"),
		"comments":                           filled("1 0 obj%"),
		"trailers":                           filled("trailer<</Encrypt 1 0 R/ID[(a)"),
		"names":                              filled("%PDF-"),
		"words":                              filled("stream"),
		"references":                         filled("1 0 obj<</EF 1 0 R>>"),
		"filters":                            filled("1 0 obj[" + strings.Repeat("/RL", 16) + "]"),
		"streams of objects in one another":  filled("1 0 obj<</N 1/First 0>>stream\n"),
		"one stream of objects, overlapping": file("/N 1/First 0", filled("1 0 "), ""),
		"keys": filled("1 0 obj<</Filter/Standard/V 1/R 3/O(" + strings.Repeat("o", 32) + ")/U(" + strings.Repeat("u", 32) +
			")>>trailer<</Encrypt 1 0 R/ID[(a)]>>"),
	} {
		for kind, content := range map[string][]byte{
			"": unpacktest.Join([]byte("%PDF-1.4\n"), content), ", elsewhere": unpacktest.Join(unpacktest.Pages(9000), content),
		} {
			t.Run(name+kind, func(t *testing.T) {
				unpacktest.Bounded(t, formats.All(), content)
			})
		}
	}
}

// TestManyStreams checks that a PDF may have more streams than a file may have members.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	many := manyStreams(unpack.DefaultLimits().Members + 100)
	end := []byte("trailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n")
	eicar := unpacktest.Eicar()
	last := bytes.TrimPrefix(file(flate, unpacktest.ZlibOf(t, eicar), ""), []byte("%PDF-1.7\n"))
	for name, s := range map[string]struct {
		content []byte
		engine  unpack.Engine
		want    string
	}{
		"harmless":   {unpacktest.Join(many, end), unpacktest.Marker, unpacktest.Clean},
		"attachment": {unpacktest.Join(many, last), unpacktest.Exact(eicar), unpacktest.Infected},
		"script": {
			unpacktest.Join(many, bytes.ReplaceAll(last, []byte("/EF<</F 4 0 R>>"), []byte("/JS 4 0 R"))),
			unpacktest.Exact(eicar), unpacktest.Infected,
		},
		"container": {
			unpacktest.Join(many, unnamed("", unpacktest.ZstdOf(t, eicar))), unpacktest.Exact(eicar), unpacktest.Infected,
		},
		"small stream": {unpacktest.Join(many, unnamed("", eicar)), unpacktest.Marker, unpacktest.Infected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var spent unpack.Spent
			c := unpack.Checker{Formats: formats.All(), Spent: func(s unpack.Spent) { spent = s }}
			got := unpacktest.Check(t, c, s.content, s.engine)
			if v := unpacktest.Verdict(got); v != s.want {
				t.Errorf("got %q (%s), want %q", v, got.Detail, s.want)
			}
			if spent.Asked > pdf.MaxAlone+20 {
				t.Errorf("asked the engine %d times, want at most %d", spent.Asked, pdf.MaxAlone+20)
			}
		})
	}
}

// manyStreams returns the beginning of a PDF with so many small streams.
func manyStreams(count int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	for i := range count {
		content := fmt.Sprintf("q %d 0 0 1 0 0 cm Q", i)
		fmt.Fprintf(&b, "%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n", i+10, len(content), content)
	}
	return b.Bytes()
}
