package coverage

import (
	"encoding/binary"
	"io"
	"strings"

	"github.com/richardlehane/mscfb"
)

// walkOLE reads every stream of a compound file (MS-CFB): Office documents of
// before 2007, encrypted ones of any time, Windows installers, saved messages.
// The engine opens them, and what they hold; it knows neither where one was cut
// off nor, PDF apart, whether a document is encrypted.
func walkOLE(w *walk, n node) error {
	dir := &oleDirectory{ReaderAt: n.r, size: n.size, entries: 4 * int64(w.limits.Members)}
	doc, err := mscfb.New(dir)
	if dir.wrong != nil {
		return dir.wrong
	}
	if err != nil {
		return damaged("%v", err)
	}
	if len(doc.File) > w.limits.Members {
		return tooWide("compound file with %d streams", len(doc.File))
	}
	for _, f := range doc.File {
		if f.Size == 0 || f.FileInfo().IsDir() {
			continue
		}
		if err := w.settle(n, oleEncryption(f)); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return damaged("%v", err)
		}
		exact := &sized{r: f, want: f.Size}
		if err := w.settle(n, w.stream(n, f.Name, exact, true)); err != nil {
			return err
		}
	}
	return nil
}

// sized fails where r ends before it gave all that was announced.
type sized struct {
	r         io.Reader
	got, want int64
}

func (s *sized) Read(p []byte) (int, error) {
	if s.got >= s.want {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.want-s.got)])
	s.got += int64(n)
	if ended(err) && s.got < s.want || n == 0 && err == nil {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// oleEncryption looks for the marks of the kinds of encryption of MS-OFFCRYPTO.
func oleEncryption(f *mscfb.File) error {
	le := binary.LittleEndian
	head := make([]byte, min(f.Size, 8<<10))
	got, err := io.ReadFull(f, head)
	if err != nil {
		return damaged("compound file with a stream that cannot be read: %v", err)
	}
	if head = head[:got]; len(head) < 12 {
		return nil
	}
	switch f.Name {
	case "EncryptedPackage", "EncryptedSummary":
		return encrypted("Office document")
	case "WordDocument": // MS-DOC 2.5.2: fEncrypted is bit 8 of the flags at 0x0A
		if le.Uint16(head[10:])&0x0100 != 0 {
			return encrypted("Word document")
		}
	case "Workbook", "Book": // MS-XLS 2.4.117: a FilePass record among the first
		for at := 0; at+4 <= len(head); {
			kind, size := le.Uint16(head[at:]), int(le.Uint16(head[at+2:]))
			if kind == 0x2f {
				return encrypted("Excel workbook")
			}
			if kind == 0 || kind == 0x85 { // sheets follow, FilePass stands before
				break
			}
			at += 4 + size
		}
	case "Current User": // MS-PPT 2.3.2: headerToken, after the record's header of 8 and a size of 4
		if len(head) >= 16 && le.Uint32(head[12:]) == 0xf3d1c4df {
			return encrypted("PowerPoint presentation")
		}
	}
	if strings.HasSuffix(f.Name, "EncryptionInfo") {
		return encrypted("Office document")
	}
	return nil
}
