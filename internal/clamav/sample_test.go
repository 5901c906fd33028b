package clamav

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
)

// hidden returns size bytes of text with EICAR at the end.
func hidden(size int) []byte {
	return append(text(size), eicar.Bytes()...)
}

// text returns size bytes that compress, but not to almost nothing.
func text(size int) []byte {
	var page bytes.Buffer
	for i := 0; page.Len() < min(size, 64<<10); i++ {
		fmt.Fprintf(&page, "%d harmless line of text\n", i*2654435761%1000003)
	}
	return bytes.Repeat(page.Bytes(), size/page.Len()+1)[:size]
}

// member is one file of an archive.
type member struct {
	name    string
	content []byte
}

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(
		zip.Deflate,
		func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) },
	)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, f, m.content)
	}
	closed(t, w)
	return b.Bytes()
}

func gzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	write(t, w, content)
	closed(t, w)
	return b.Bytes()
}

func tarOf(t testing.TB, m member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.content))}); err != nil {
		t.Fatal(err)
	}
	write(t, w, m.content)
	closed(t, w)
	return b.Bytes()
}

func pdfOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	write(t, w, content)
	closed(t, w)
	return fmt.Appendf(nil, "%%PDF-1.4\n1 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n"+
		"trailer\n<< /Root 1 0 R >>\n%%%%EOF\n", b.Len(), b.Bytes())
}

func mailOf(content []byte) []byte {
	var b bytes.Buffer
	b.WriteString("From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=\"q\"\r\n\r\n" +
		"--q\r\nContent-Type: application/octet-stream; name=\"x.bin\"\r\n" +
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"x.bin\"\r\n\r\n")
	for line := range bytes.SplitSeq(chunked(base64.StdEncoding.EncodeToString(content)), []byte("\n")) {
		b.Write(line)
		b.WriteString("\r\n")
	}
	b.WriteString("--q--\r\n")
	return b.Bytes()
}

func chunked(s string) []byte {
	var b bytes.Buffer
	for ; len(s) > 76; s = s[76:] {
		b.WriteString(s[:76] + "\n")
	}
	b.WriteString(s)
	return b.Bytes()
}

func htmlOf(content []byte) []byte {
	return []byte(
		"<html><body><p>text</p><a href=\"data:text/plain;base64," + base64.StdEncoding.EncodeToString(
			content,
		) + "\">x</a></body></html>",
	)
}

// cabOf returns a cabinet with one MSZIP member, as Microsoft's "Cabinet File Format" describes it:
// blocks of 32 KiB, each deflated with the block before as its dictionary.
func cabOf(t testing.TB, content []byte) []byte {
	t.Helper()
	const block, header, folder = 32 << 10, 36, 8
	var data bytes.Buffer
	var before []byte
	blocks := 0
	for rest := content; len(rest) > 0; blocks++ {
		n := min(block, len(rest))
		packed := bytes.NewBufferString("CK")
		w, err := flate.NewWriterDict(packed, flate.BestSpeed, before)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, rest[:n])
		closed(t, w)
		data.Write(le(uint32(0), uint16(packed.Len()), uint16(n)))
		data.Write(packed.Bytes())
		before, rest = rest[:n], rest[n:]
	}
	file := append(le(uint32(len(content)), uint32(0), uint16(0), uint16(0x5000), uint16(0), uint16(0x20)), "m.txt\x00"...)
	first := header + folder + len(file)
	out := append([]byte("MSCF"), le(uint32(0), uint32(first+data.Len()), uint32(0), uint32(header+folder), uint32(0),
		uint8(3), uint8(1), uint16(1), uint16(1), uint16(0), uint16(0), uint16(0))...)
	out = append(out, le(uint32(first), uint16(blocks), uint16(1))...)
	out = append(out, file...)
	return append(out, data.Bytes()...)
}

func le(values ...any) []byte {
	var out []byte
	for _, v := range values {
		out, _ = binary.Append(out, binary.LittleEndian, v)
	}
	return out
}

func write(t testing.TB, w io.Writer, content []byte) {
	t.Helper()
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
}

func closed(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
