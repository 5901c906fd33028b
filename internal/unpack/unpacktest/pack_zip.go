package unpacktest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// Zipped is one member of a zip.
type Zipped struct {
	Name      string
	Content   []byte
	Method    uint16
	Packed    []byte // for methods other than stored and deflated
	Wide      bool   // zip64 sizes in the local header
	Described bool   // sizes and CRC in a data descriptor
	// LocalMethod is the method in the local header, if not nil.
	LocalMethod *uint16
	Listed64    bool // zip64 sizes in the central directory too
}

// ZipOf writes a zip (APPNOTE.TXT), with options that Go's own writer does not have.
func ZipOf(t testing.TB, members ...Zipped) []byte {
	t.Helper()
	var out, dir bytes.Buffer
	for _, m := range members {
		sum, packed := crc32.ChecksumIEEE(m.Content), m.Packed
		switch {
		case m.Method == 0:
			packed = m.Content
		case m.Method == 8 && packed == nil:
			packed = Deflated(t, m.Content)
		}
		offset, flags := uint32(out.Len()), uint16(0)
		psize, size := uint32(len(packed)), uint32(len(m.Content))
		lp, ls, lc := psize, size, sum
		var extra, dirExtra []byte
		if m.Wide {
			lp, ls = 1<<32-1, 1<<32-1
			extra = LE(uint16(1), uint16(16), uint64(size), uint64(psize))
		}
		if m.Listed64 {
			dirExtra = extra
		}
		if m.Described {
			flags, lc = 8, 0
			if !m.Wide {
				lp, ls = 0, 0
			}
		}
		method := m.Method
		if m.LocalMethod != nil {
			method = *m.LocalMethod
		}
		out.WriteString("PK\x03\x04")
		out.Write(LE(uint16(45), flags, method, uint32(0), lc, lp, ls, uint16(len(m.Name)), uint16(len(extra))))
		out.WriteString(m.Name)
		out.Write(extra)
		out.Write(packed)
		if m.Described {
			out.WriteString("PK\x07\x08")
			out.Write(LE(sum))
			if m.Wide {
				out.Write(LE(uint64(psize), uint64(size)))
			} else {
				out.Write(LE(psize, size))
			}
		}
		if m.Listed64 {
			psize, size = 1<<32-1, 1<<32-1
		}
		dir.WriteString("PK\x01\x02")
		dir.Write(LE(uint16(45), uint16(45), flags, m.Method, uint32(0), sum, psize, size,
			uint16(len(m.Name)), uint16(len(dirExtra)), uint16(0), uint16(0), uint16(0), uint32(0), offset))
		dir.WriteString(m.Name)
		dir.Write(dirExtra)
	}
	start := uint32(out.Len())
	out.Write(dir.Bytes())
	out.WriteString("PK\x05\x06")
	out.Write(LE(uint32(0), uint16(len(members)), uint16(len(members)), uint32(dir.Len()), start, uint16(0)))
	return out.Bytes()
}

// Deflated is raw deflate.
func Deflated(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

// ZstdOf is a frame of Zstandard.
func ZstdOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

// LzmaOf is a file of lzma.
func LzmaOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.WriterConfig{Size: int64(len(content)), SizeInHeader: true}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, &b, w, content)
}

// ZipLZMAOf is the content of a zip member of method 14.
func ZipLZMAOf(t testing.TB, content []byte) []byte {
	alone := LzmaOf(t, content)
	return append(append(LE(uint16(0x1413), uint16(5)), alone[:5]...), alone[13:]...)
}

// GoZip is a zip by Go's own writer: deflated, with data descriptors.
func GoZip(t testing.TB, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
