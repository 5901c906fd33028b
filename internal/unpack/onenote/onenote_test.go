package onenote_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const (
	sectionGUID = "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"
	fileGUID    = "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"
	footerGUID  = "\x22\xa7\xfb\x71\x79\x0f\x0b\x4a\xbb\x13\x89\x92\x56\x42\x6b\x24"
)

// fileOf returns content as OneNote embeds a file (FileDataStoreObject).
func fileOf(content []byte) []byte {
	head := unpacktest.LE(uint64(len(content)), uint32(0), uint64(0))
	padding := make([]byte, -len(content)&7)
	return unpacktest.Join([]byte(fileGUID), head, content, padding, []byte(footerGUID))
}

// sectionOf returns a section with two embedded files, of which content is the
// second.
func sectionOf(_ testing.TB, content []byte) []byte {
	other := fileOf(unpacktest.Pages(200))
	return unpacktest.Join([]byte(sectionGUID), make([]byte, 1008), other, make([]byte, 300), fileOf(content))
}

func containers() []unpacktest.Container {
	return []unpacktest.Container{{Name: "section", Pack: sectionOf, Head: 1024, Endless: true}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func TestSections(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	samples = append(samples, unpacktest.Pair("file", func(b []byte) []byte { return sectionOf(t, b) })...)
	samples = append(samples, unpacktest.Pair("container", func(b []byte) []byte {
		return sectionOf(t, unpacktest.ZstdOf(t, b))
	})...)
	samples = append(samples, unpacktest.Pair("file within the length of another", func(b []byte) []byte {
		outer := unpacktest.Join([]byte(fileGUID), unpacktest.LE(uint64(1000), uint32(0), uint64(0)))
		return unpacktest.Join([]byte(sectionGUID), outer, fileOf(b), make([]byte, 1000))
	})...)
	samples = append(samples, unpacktest.Pair("without a section", fileOf)...)
	whole := sectionOf(t, unpacktest.Pages(5000))
	samples = append(samples,
		unpacktest.Sample{Name: "cut", Content: whole[:4000], Want: "damaged"},
		unpacktest.Sample{
			Name: "GUID in a program", Want: unpacktest.Clean,
			Content: unpacktest.Join(unpacktest.ELF(), []byte(fileGUID), unpacktest.Pages(300)),
		},
	)
	unpacktest.Try(t, formats.All(), samples)
}

func FuzzOneNote(f *testing.F) { unpacktest.Fuzz(f, formats.All(), containers()) }
