package ole

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	"github.com/richardlehane/mscfb"

	"github.com/lazaret/lazaret/internal/unpack"
)

// objects shows the files that are embedded in a stream. head is its beginning.
func objects(v *unpack.Visitor, f *mscfb.File, head []byte) error {
	switch f.Name {
	case "Ole10Native": // the library takes off the \x01 in front
		return native(v, f, head)
	case "PowerPoint Document":
		return presentation(v, bufio.NewReader(&stream{f: f}))
	}
	return nil
}

// native shows the object in an Ole10Native stream, which follows its size (MS-OLEDS,
// 2.3.6), and, where the object is a package as packager.exe writes it, the file in the
// package.
func native(v *unpack.Visitor, f *mscfb.File, head []byte) error {
	le := binary.LittleEndian
	const sizeBytes, kindBytes = 4, 2
	if len(head) < sizeBytes+kindBytes {
		return nil
	}
	show := func(from, size int) error {
		in := bufio.NewReader(&stream{f: f})
		if _, err := in.Discard(from); err != nil {
			return nil // the stream ends earlier, which walk has refused
		}
		return v.Stream("object", io.LimitReader(in, int64(size)))
	}
	if err := show(sizeBytes, int(le.Uint32(head))); err != nil {
		return err
	}
	at := sizeBytes + kindBytes
	for range 2 { // the label and the path
		i := bytes.IndexByte(head[at:], 0)
		if i < 0 {
			return nil
		}
		at += i + 1
	}
	if at+8 > len(head) {
		return nil
	}
	// Four bytes, and the path of a temporary file with its length in front of it.
	const maxPath = 1 << 20
	at += 8 + int(min(le.Uint32(head[at+4:]), maxPath))
	if at+sizeBytes > len(head) {
		return nil
	}
	return show(at+sizeBytes, int(le.Uint32(head[at:])))
}

// presentation shows the objects in the records of a PowerPoint document. They are
// compound files, which may be compressed.
func presentation(v *unpack.Visitor, in *bufio.Reader) error {
	le := binary.LittleEndian
	for {
		var header [8]byte // MS-PPT, 2.3.1
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return nil
		}
		version, instance := header[0]&0x0f, le.Uint16(header[:])>>4
		kind, size := le.Uint16(header[2:]), int64(le.Uint32(header[4:]))
		const container, externalObject = 0x0f, 0x1011
		if version == container { // its records follow
			continue
		}
		body := io.LimitReader(in, size)
		if kind == externalObject {
			if err := v.Refuse(externalOLE(v, bufio.NewReader(body), instance)); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return nil
		}
	}
}

// externalOLE shows one object (MS-PPT, 2.10.34 to 2.10.37). The instance of its
// record says whether it is compressed. The error may be a Refusal.
func externalOLE(v *unpack.Visitor, in *bufio.Reader, instance uint16) error {
	const compressed = 1
	if instance != compressed {
		return v.Stream("object", in)
	}
	const sizeBytes = 4 // of the unpacked size
	if _, err := in.Discard(sizeBytes); err != nil {
		return unpack.Damaged("PowerPoint object without its size")
	}
	z, err := zlib.NewReader(in)
	if err != nil {
		return unpack.Damaged("unpack PowerPoint object: %v", err)
	}
	return v.Stream("object", z)
}
