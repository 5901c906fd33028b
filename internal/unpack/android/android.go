// Package android opens backups that adb makes of Android devices: four lines of
// text, and then a tar, which may be compressed with zlib. Encrypted backups are
// refused.
package android

import (
	"bytes"
	"compress/zlib"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Lines of the header.
const (
	magicLine = iota
	versionLine
	compressionLine // "0" where the tar is not compressed
	encryptionLine  // "none", or the name of a cipher
	headerLines     // how many there are
)

// Format returns the Android backup format.
func Format() unpack.Format {
	return unpack.Format{
		Name:   "Android backup",
		Opens:  "the tar in it; encrypted backups are refused",
		Magics: []unpack.Magic{{Text: "ANDROID BACKUP\n"}},
		Whole:  true,
		Walk:   walk,
	}
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	in := c.Reader(0)
	var lines [headerLines]string
	for i := range lines {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return unpack.Damaged("Android backup without the four lines of its header")
		}
		lines[i] = string(bytes.TrimSpace(line))
	}
	switch {
	case lines[encryptionLine] != "none":
		return unpack.Encrypted("encrypted Android backup")
	case lines[compressionLine] == "0":
		return v.Stream("backup", in)
	}
	z, err := zlib.NewReader(in)
	if err != nil {
		return unpack.Damaged("unpack Android backup: %v", bounded.Unexpected(err))
	}
	return v.Stream("backup", z)
}
