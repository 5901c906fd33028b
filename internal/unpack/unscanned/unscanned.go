// Package unscanned opens the kinds of file that clamd calls OK without scanning them:
// sound and databases (CL_TYPE_IGNORED in libclamav's filetypes_int.h).
package unscanned

import "github.com/lazaret/lazaret/internal/unpack"

// Format is such a file. It gives the engine all bytes but the first: clamd does not
// recognise them, and so scans them.
func Format() unpack.Format {
	f := unpack.Format{
		Name: "file that clamd does not scan",
		Opens: "MP3, Ogg, RealMedia, SQLite and others: scanned a second time without their first byte, so that " +
			"clamd does not recognise them",
		Whole: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			return v.Region("content", 1, c.Size()-1)
		},
	}
	for _, text := range []string{
		"ID3", "\xff\xfb\x90", "OggS", ".RMF", // MP3, Ogg, RealMedia
		"SQLite format 3\x00", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
		"7\x7f\x06\x82\x00-\xe2\x18", "7\x7f\x06\x83\x00-\xe2\x18",
		"SIP-HIT (SIP/H", "SYMC\x01\x00",
	} {
		f.Magics = append(f.Magics, unpack.Magic{Text: text})
	}
	return f
}
