// Package ole opens compound files (MS-CFB): documents of Office before 2007, encrypted
// Office documents of any version, Windows Installer packages (MSI), Outlook messages
// (MSG) and documents of Hangul (HWP). Encrypted documents, and files with a stream or
// a directory that cannot be read, are refused.
package ole

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/richardlehane/mscfb"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const magic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

// Format returns the compound file format. The sectors of a stream may be in any
// order.
func Format() unpack.Format {
	return unpack.Format{
		Name: "compound file",
		Opens: "all streams (Office before 2007, MSI, MSG, HWP), packaged files and objects of PowerPoint; " +
			"encrypted and damaged documents are refused",
		Magics:    []unpack.Magic{{Text: magic}},
		Scattered: true,
		Walk:      walk,
		Marks:     []unpack.Mark{{Text: magic, Open: open}},
	}
}

// open shows the compound file that may begin at an offset of other content, with all
// that follows: a compound file does not say where it ends.
func open(v *unpack.Visitor, at int64) (end int64, err error) {
	const headerSize, byteOrder, littleEndian = 512, 28, 0xfffe
	head := v.Content().Peek(at, headerSize)
	if len(head) < headerSize || binary.LittleEndian.Uint16(head[byteOrder:]) != littleEndian {
		return 0, nil
	}
	return v.Rest("compound file", at)
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	maxStreams := v.Limits().Members
	guard := &directoryGuard{ReaderAt: c, size: c.Size(), maxEntries: 4 * int64(maxStreams)}
	doc, err := mscfb.New(guard)
	if guard.refusal != nil {
		return guard.refusal
	}
	if err != nil {
		return unpack.Damaged("read compound file: %v", err)
	}
	if len(doc.File) > maxStreams {
		return unpack.TooMany("compound file with %d streams and storages", len(doc.File))
	}
	compressed := hasCompressedStreams(doc.File)
	for _, f := range doc.File {
		if f.Size == 0 || f.FileInfo().IsDir() {
			continue
		}
		head, err := headOf(f)
		if err == nil {
			err = encryption(f.Name, head)
		}
		if err := v.Refuse(err); err != nil {
			return err
		}
		if err := v.Stream(f.Name, &stream{f: f}); err != nil {
			return err
		}
		if err := objects(v, f, head); err != nil {
			return err
		}
		if !compressed {
			continue
		}
		if _, err := v.TryStream(f.Name+" unpacked", flate.NewReader(bufio.NewReader(&stream{f: f}))); err != nil {
			return err
		}
	}
	return nil
}

// stream reads a stream from its beginning. It fails where sectors are missing.
type stream struct {
	f *mscfb.File
	r io.Reader // nil before the first read
}

func (s *stream) Read(p []byte) (int, error) {
	if s.r == nil {
		if _, err := s.f.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		s.r = bounded.Exactly(progress{s.f}, s.f.Size)
	}
	return s.r.Read(p)
}

// progress is a reader that fails where a read returns no bytes and no error: the
// library returns that for ever where sectors are missing.
type progress struct{ io.Reader }

func (p progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n == 0 && err == nil && len(b) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// maxHead is how many bytes of a stream are looked at for encryption and objects.
const maxHead = 8 << 10

// headOf reads the first bytes of a stream. The error is a Refusal.
func headOf(f *mscfb.File) ([]byte, error) {
	head := make([]byte, min(f.Size, maxHead))
	n, err := io.ReadFull(&stream{f: f}, head)
	if err != nil {
		err = unpack.Damaged("read stream of compound file: %v", err)
	}
	return head[:n], err
}
