package unpacktest

import (
	"bytes"
	"io"
	"testing"
)

// written writes content to w, which writes to b, closes w, and returns the bytes of b.
func written(t testing.TB, b *bytes.Buffer, w io.WriteCloser, content []byte) []byte {
	t.Helper()
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
