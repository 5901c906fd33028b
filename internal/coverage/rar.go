package coverage

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/nwaples/rardecode/v2"

	"github.com/lazaret/lazaret/internal/eicar"
)

const (
	rar4Magic = "Rar!\x1a\x07\x00"
	rar5Magic = "Rar!\x1a\x07\x01\x00"
)

// walkRAR verifies a RAR. Whether the engine opens it depends on a library that
// many of its builds lack, so it is asked; where it does not, what is unpacked
// here may still show a signature, but RAR stays what this engine cannot open.
func walkRAR(w *walk, n node) error {
	probe := rar4Probe()
	var magic [8]byte
	if err := n.read(magic[:], 0); err != nil {
		return err
	}
	if string(magic[:]) == rar5Magic {
		probe = rar5Probe()
	}
	opens, err := w.opens(probe)
	if err != nil {
		return err
	}
	if err := w.rarMembers(n, opens && !n.hidden); err != nil {
		return err
	}
	if !opens {
		return unsupported("rar, which this engine has no library for")
	}
	return nil
}

func (w *walk) rarMembers(n node, seen bool) error {
	if err := w.hold(maxWindow); err != nil {
		return err
	}
	defer w.release(maxWindow)
	r, err := rardecode.NewReader(all(n), rardecode.MaxDictionarySize(maxWindow), rardecode.BufferSize(64<<10))
	if err != nil {
		return rarError(err)
	}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return rarError(err)
		}
		if h.Encrypted {
			return encrypted("rar member %s", clip(h.Name, 64))
		}
		if h.IsDir {
			continue
		}
		if err := w.settle(n, w.stream(n, h.Name, rarReader{r}, seen)); err != nil {
			return err
		}
	}
}

type rarReader struct{ r *rardecode.Reader }

func (r rarReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err == nil || ended(err) {
		return n, err
	}
	return n, rarError(err)
}

func rarError(err error) error {
	switch {
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted):
		return encrypted("rar")
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, rardecode.ErrBadVolumeNumber):
		return split("rar")(nil, node{})
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return tooWide("rar with a dictionary of more than %d bytes", maxWindow)
	}
	return unreadable(err)
}

// opens asks the engine whether it opens a form, with a probe of that form in
// which EICAR can be found only by unpacking.
func (w *walk) opens(probe []byte) (bool, error) {
	b := &body{small: probe, size: int64(len(probe))}
	err := w.show(node{path: "probe"}, b)
	if _, ok := errors.AsType[*detection](err); ok {
		return true, nil
	}
	return false, err
}

// probeText is EICAR in a gzip: a RAR is simple only if it stores, and then
// EICAR itself would be found without opening it. It is all that is in there,
// as the official definitions want it. The standard library's deflate gives 68
// different characters codes of their own; klauspost's stores them.
func probeText() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(eicar.Bytes())
	if err = errors.Join(err, z.Close()); err != nil {
		panic(fmt.Sprintf("gzip into memory: %v", err)) // bytes.Buffer has no errors
	}
	return b.Bytes()
}

// rar4Probe stores one member, after RARLAB's technote.txt of version 4.
func rar4Probe() []byte {
	le := binary.LittleEndian
	content := probeText()
	block := func(kind byte, flags uint16, fields []byte) []byte {
		h := []byte{kind}
		h = le.AppendUint16(h, flags)
		h = le.AppendUint16(h, uint16(7+len(fields)))
		h = append(h, fields...)
		return append(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(h))), h...)
	}
	size := uint32(len(content))
	f := le.AppendUint32(le.AppendUint32(nil, size), size)
	f = append(f, 3) // made on Unix
	f = le.AppendUint32(f, crc32.ChecksumIEEE(content))
	f = le.AppendUint32(f, 0x5a210000) // some day
	f = append(f, 29, 0x30)            // unpacked by version 2.9, stored
	f = le.AppendUint16(f, 1)          // length of the name
	f = append(le.AppendUint32(f, 0o100644), 'a')
	out := append([]byte(rar4Magic), block(0x73, 0, make([]byte, 6))...)
	out = append(append(out, block(0x74, 0x8000, f)...), content...)
	return append(out, block(0x7b, 0x4000, nil)...)
}

// rar5Probe stores one member, after RARLAB's "RAR 5.0 archive format".
func rar5Probe() []byte {
	content := probeText()
	block := func(fields ...byte) []byte {
		h := append([]byte{byte(len(fields))}, fields...)
		return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(h)), h...)
	}
	size := binary.AppendUvarint(nil, uint64(len(content)))
	file := append([]byte{2, 2}, size...)   // a file, with data of this size
	file = append(append(file, 4), size...) // it has a CRC and this size when unpacked
	file = binary.LittleEndian.AppendUint32(append(file, 0), crc32.ChecksumIEEE(content))
	file = append(file, 0, 1, 1, 'a') // stored, on Unix, its name
	out := append([]byte(rar5Magic), block(1, 0, 0)...)
	out = append(append(out, block(file...)...), content...)
	return append(out, block(5, 0, 0)...)
}
