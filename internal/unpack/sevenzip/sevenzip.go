// Package sevenzip opens 7z archives with a library. The library allocates as much
// memory as the header announces, so this package reads the header first.
package sevenzip

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/bodgit/sevenzip"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const magic = "7z\xbc\xaf\x27\x1c"

// Format is the 7z archive.
func Format() unpack.Format {
	plain := unpack.Format{
		Name: "7z",
		Opens: "copy, LZMA, LZMA2, PPMd, deflate, bzip2, Zstandard, Brotli, LZ4, BCJ, BCJ2 and other filters; other " +
			"methods, encryption, damage and parts of split archives are refused",
		Magics: []unpack.Magic{{Text: magic}}, Whole: true, Walk: walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: magic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if !begins(v.Content().Peek(at, start)) {
				return 0, nil
			}
			return v.EmbeddedVerified(plain, at)
		},
	}}
	return f
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	h, err := readHeader(v, c)
	if err != nil {
		return err
	}
	v.End(h.end)
	if err := gaps(v, h); err != nil || h.empty {
		return err
	}
	archive, err := sevenzip.NewReader(plain(c, h))
	if err != nil {
		return libraryError(err)
	}
	if err := agree(archive, h); err != nil {
		return err
	}
	refused := map[int]bool{} // folders that are not unpacked
	kept := func() {}         // gives back the memory that the library keeps for members that failed
	defer func() { kept() }()
	for _, f := range archive.File {
		if f.UncompressedSize == 0 || f.FileInfo().IsDir() || refused[f.Stream] {
			continue
		}
		folder := h.folders[f.Stream]
		if err := folder.refuse(); err != nil {
			refused[f.Stream] = true
			if err := v.Refuse(err); err != nil {
				return err
			}
			continue
		}
		whole, release, err := member(v, f, folder)
		if whole {
			release()
		} else {
			others := kept
			kept = func() { release(); others() }
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plain is the archive with the header that this package has read, unpacked, at its
// end, so that the library reads no other header.
func plain(c unpack.Content, h header) (io.ReaderAt, int64) {
	le := binary.LittleEndian
	first := c.Peek(0, start)
	le.PutUint64(first[12:], uint64(c.Size()-start))
	le.PutUint64(first[20:], uint64(len(h.plain)))
	le.PutUint32(first[28:], crc32.ChecksumIEEE(h.plain))
	le.PutUint32(first[8:], crc32.ChecksumIEEE(first[12:]))
	return &replaced{first: first, c: c, last: h.plain}, c.Size() + int64(len(h.plain))
}

// replaced reads content with other first bytes and with bytes after its end.
type replaced struct {
	first []byte
	c     unpack.Content
	last  []byte
}

func (r *replaced) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	for n < len(p) && err == nil {
		var got int
		switch from := at + int64(n); {
		case from < start:
			got = copy(p[n:], r.first[from:])
		case from < r.c.Size():
			got, err = r.c.ReadAt(p[n:n+int(min(int64(len(p)-n), r.c.Size()-from))], from)
			if got > 0 && bounded.Ended(err) {
				err = nil
			}
		case from < r.c.Size()+int64(len(r.last)):
			got = copy(p[n:], r.last[from-r.c.Size():])
		default:
			err = io.EOF
		}
		n += got
	}
	return n, err
}

// agree checks that the library assigns all bytes of each folder to files.
func agree(archive *sevenzip.Reader, h header) error {
	sizes := make([]uint64, len(h.folders))
	for _, f := range archive.File {
		if f.UncompressedSize == 0 {
			continue
		}
		if f.Stream >= len(sizes) {
			return unpack.Damaged("7z with members of a folder that is not there")
		}
		sizes[f.Stream] += f.UncompressedSize
	}
	for i, f := range h.folders {
		if f.files > 0 && sizes[i] != f.size() {
			return unpack.Damaged("7z with a folder of %d bytes, and files of %d", f.size(), sizes[i])
		}
	}
	return nil
}

// gaps takes the bytes of no packed stream.
func gaps(v *unpack.Visitor, h header) error {
	from, to := start+h.packed.from, start+h.packed.to
	if from > h.at || to > h.at {
		return nil
	}
	if err := v.Gap("gap", start, from-start); err != nil {
		return err
	}
	return v.Gap("gap", to, h.at-to)
}

// member takes one file. It reports whether the file was read to its end, and returns
// the function that gives back its memory.
func member(v *unpack.Visitor, f *sevenzip.File, in folder) (whole bool, release func(), err error) {
	release, err = v.Hold(in.window())
	if err != nil {
		return false, release, v.Refuse(err)
	}
	r, err := f.Open()
	if err != nil {
		return false, release, v.Refuse(libraryError(err))
	}
	content := bounded.Whole(r, int64(f.UncompressedSize))
	if f.CRC32 != 0 {
		content.CRC32(f.CRC32)
	}
	err = v.Stream(f.Name, bounded.Translate(content, libraryError))
	return content.Left() == 0, release, err
}

func libraryError(err error) error {
	var read *sevenzip.ReadError
	if errors.As(err, &read) && read.Encrypted {
		return unpack.Encrypted("7z")
	}
	if unpack.IsRefusal(err) {
		return err
	}
	return unpack.Damaged("%v", err)
}
