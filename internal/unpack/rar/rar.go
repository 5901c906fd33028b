// Package rar opens RAR archives of versions 1.5 to 7 with a library. The library skips
// NTFS streams and comments; it is given them as files.
package rar

import (
	"bufio"
	"errors"
	"io"

	"github.com/nwaples/rardecode/v2"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const (
	magic4 = "Rar!\x1a\x07\x00"
	magic5 = "Rar!\x1a\x07\x01\x00"
)

// Formats are the RAR archives. RAR before version 1.5 is refused.
func Formats() []unpack.Format {
	plain := unpack.Format{
		Name: "RAR",
		Opens: "members of RAR 1.5 to 5, their comments and streams; encrypted and damaged ones, and parts of " +
			"split archives, are refused",
		Magics: []unpack.Magic{{Text: magic4}, {Text: magic5}},
		Whole:  true,
		Walk:   walk,
	}
	f := plain
	for _, text := range []string{magic4, magic5} {
		f.Marks = append(f.Marks, unpack.Mark{
			Text: text,
			Open: func(v *unpack.Visitor, at int64) (int64, error) {
				// Many programs have the magic among their constants. In version 4, the
				// checksum of the first block tells an archive from that.
				first, ok := readBlock(v.Content().From(at), int64(len(text)))
				if !ok {
					return 0, nil
				}
				if first.version == 5 || first.kind == main4 {
					return v.EmbeddedVerified(plain, at)
				}
				return v.Embedded(plain, at)
			},
		})
	}
	return []unpack.Format{f, {
		Name:   "RAR 1.4",
		Opens:  "refused",
		Magics: []unpack.Magic{{Text: "RE\x7e\x5e"}},
		Match:  func(_ unpack.Content, head []byte) bool { return len(head) > 7 && head[4] >= 7 && head[5] == 0 },
		Walk:   func(*unpack.Visitor, unpack.Content) error { return unpack.Unsupported("RAR of version 1.4") },
	}}
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	release, err := v.Hold(unpack.MaxWindow)
	if err != nil {
		return err
	}
	defer release()
	if err := services(v, c); err != nil {
		return err
	}
	return files(v, c.Reader(0))
}

// files takes the files of one archive.
func files(v *unpack.Visitor, in *bufio.Reader) error {
	r, err := rardecode.NewReader(in, rardecode.MaxDictionarySize(unpack.MaxWindow), rardecode.BufferSize(64<<10))
	if err != nil {
		return libraryError(err)
	}
	for {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return libraryError(err)
		case h.IsDir:
			continue
		case h.Encrypted:
			if err := v.Refuse(unpack.Encrypted("RAR member %s", unpack.Clip(h.Name, 64))); err != nil {
				return err
			}
			continue
		}
		if err := v.Stream(h.Name, bounded.Translate(r, libraryError)); err != nil {
			return err
		}
	}
}

func libraryError(err error) error {
	switch {
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted):
		return unpack.Encrypted("RAR")
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, rardecode.ErrBadVolumeNumber):
		return unpack.Unsupported("a part of a split RAR archive")
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return unpack.TooLarge("RAR with a dictionary of more than %d bytes", unpack.MaxWindow)
	case errors.Is(err, rardecode.ErrUnknownDecoder), errors.Is(err, rardecode.ErrUnsupportedDecoder),
		errors.Is(err, rardecode.ErrMultipleDecoders):
		return unpack.Unsupported("%v", err)
	case errors.Is(err, io.EOF): // before the end of the archive
		return unpack.Damaged("RAR cut off: %v", err)
	}
	return unpack.Damaged("%v", err)
}
