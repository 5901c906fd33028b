package unpacktest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// GzipOf is a gzip of one member.
func GzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, gzip.NewWriter(&b), content)
}

// XzOf is an xz of one stream.
func XzOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

// Lz4Of is a frame of LZ4.
func Lz4Of(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	return written(t, &b, lz4.NewWriter(&b), content)
}

// TarOf is a tar. Names and contents of its members take turns.
func TarOf(t testing.TB, contents ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, c := range contents {
		if err := w.WriteHeader(&tar.Header{Name: string(rune('a' + i)), Mode: 0o600, Size: int64(len(c))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Wide64 is an infected zip that clamd cannot open: a signature in it is only found if
// Check unpacks it.
func Wide64(t testing.TB) []byte {
	return ZipOf(t, Zipped{Name: "evil", Content: Eicar(), Method: 8, Wide: true})
}
