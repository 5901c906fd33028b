// Package chm opens compiled HTML help (CHM, or ITSS), whose scripts Windows runs on a
// click. A directory lists the files of two sections: the files of the first are
// stored, and the second is one LZX stream that is reset at intervals. Other sections
// and other compression are refused as unsupported, and what cannot be read as
// damaged.
//
// The format is not documented by Microsoft; this package follows Matthew Russotto's
// and Paul Wise's descriptions of CHM and ITSF, and chmlib.
package chm

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	magic = "ITSF"
	// The second section and its tables are files of the first section.
	contentName = "::DataSpace/Storage/MSCompressed/Content"
	controlName = "::DataSpace/Storage/MSCompressed/ControlData"
	tableName   = "::DataSpace/Storage/MSCompressed/Transform/{7FC28940-9D31-11D0-9B27-00A0C91E9C7C}" +
		"/InstanceData/ResetTable"
)

// Format returns the format of compiled HTML help.
func Format() unpack.Format {
	f := unpack.Format{
		Name:   "CHM",
		Opens:  "all files, stored and in LZX",
		Magics: []unpack.Magic{{Text: magic}},
		Match:  func(_ unpack.Content, head []byte) bool { return isHelp(head) },
		Walk:   walk,
	}
	f.Marks = []unpack.Mark{{Text: magic, Open: func(v *unpack.Visitor, at int64) (int64, error) {
		if !isHelp(v.Content().Peek(at, 12)) {
			return 0, nil
		}
		_, err := v.Embedded(unpack.Format{Name: f.Name, Walk: walk}, at)
		return at + int64(len(magic)), err
	}}}
	return f
}

// isHelp checks the version and the size in the beginning of a header.
func isHelp(head []byte) bool {
	const minHeader, maxHeader = 0x58, 0x100 // bytes
	if len(head) < 12 {
		return false
	}
	version, size := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	return version >= 2 && version <= 3 && size >= minHeader && size <= maxHeader
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	d, err := readDirectory(v, c)
	if err := v.Refuse(err); err != nil {
		return err
	}
	var compressed []file
	parts := map[string]unpack.Content{} // files of the first section, by name
	for _, f := range d.files {
		switch {
		case f.section == 1:
			compressed = append(compressed, f)
			continue
		case f.section > 1:
			if err := v.Refuse(unpack.Unsupported("CHM file in unknown section %d", f.section)); err != nil {
				return err
			}
			continue
		}
		parts[f.name] = c.Part(d.stored+f.from, f.size)
		if f.name == contentName {
			continue
		}
		if err := v.Region(f.name, d.stored+f.from, f.size); err != nil {
			return err
		}
	}
	if len(compressed) == 0 {
		return nil
	}
	s, err := newSection(v, parts[contentName], parts[controlName], parts[tableName])
	if err != nil {
		return err
	}
	slices.SortStableFunc(compressed, func(a, b file) int { return cmp.Compare(a.from, b.from) })
	for _, f := range compressed {
		if err := v.Stream(f.name, &part{section: s, at: f.from, left: f.size}); err != nil {
			return err
		}
	}
	return nil
}
