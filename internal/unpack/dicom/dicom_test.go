package dicom_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// fileOf returns a DICOM file with content as its data set.
func fileOf(t testing.TB, content []byte) []byte {
	header := headerOf("1.2.840.10008.5.1.4.1.1.104.1\x00")
	return fileWith(t, len(header), header, content)
}

// headerOf returns the elements of the header behind its length: one with the class
// of the data, and one with the transfer syntax.
func headerOf(class string) []byte {
	element := func(number uint16, value string) []byte {
		size := unpacktest.LE(uint16(len(value)))
		return unpacktest.Join(unpacktest.LE(uint16(2), number), []byte("UI"), size, []byte(value))
	}
	return unpacktest.Join(element(2, class), element(0x10, "1.2.840.10008.1.2.1.99"))
}

// fileWith returns a DICOM file that says that its header has so many bytes.
func fileWith(t testing.TB, length int, header, content []byte) []byte {
	var compressed bytes.Buffer
	w, err := flate.NewWriter(&compressed, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return unpacktest.Join(make([]byte, 128), []byte("DICM\x02\x00\x00\x00UL\x04\x00"), unpacktest.LE(uint32(length)),
		header, compressed.Bytes())
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{Name: "DICOM", Pack: fileOf, Head: 212, Unsearched: true}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func TestDICOM(t *testing.T) {
	t.Parallel()
	samples := unpacktest.Pair("compressed", func(b []byte) []byte { return fileOf(t, b) })
	samples = append(samples, unpacktest.Pair("long header", func(b []byte) []byte {
		header := headerOf(strings.Repeat("1", 9000))
		return fileWith(t, len(header), header, b)
	})...)
	samples = append(samples, unpacktest.Sample{
		Name: "wrong length of the header, infected", Want: unpacktest.Infected,
		Content: fileWith(t, 7, headerOf("1.2"), unpacktest.Eicar()),
	})
	samples = append(samples, unpacktest.Pair("PDF in the data set", func(b []byte) []byte {
		inner := unpacktest.PdfStreamOf("/FlateDecode", unpacktest.ZlibOf(t, b))
		return fileOf(t, unpacktest.Join(make([]byte, 9000), inner, make([]byte, 9000)))
	})...)
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzDICOM(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
