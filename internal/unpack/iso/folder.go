package iso

import (
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/extents"
)

// Bits of a record's flags.
const (
	isFolder = 1 << 1
	goesOn   = 1 << 7 // the next record has another part of the file
)

// maxFolder is the largest size of a folder, in bytes.
const maxFolder = 16 << 20

// volume walks the folders of a volume: those that are found from the root folder, and
// those in the path tables, which some systems use.
func (i *image) volume(vol volume) error {
	le := binary.LittleEndian
	folders := []extents.Span{{From: int64(le.Uint32(vol.root[2:])) * vol.block, Size: int64(le.Uint32(vol.root[10:]))}}
	folders = append(folders, i.pathTables(vol)...)
	for len(folders) > 0 {
		f := folders[0]
		folders = folders[1:]
		if f == (extents.Span{}) {
			continue
		}
		if f.Size == 0 {
			f.Size = int64(le.Uint32(append(i.c.Peek(f.From+10, 4), 0, 0, 0, 0)))
		}
		if i.folder[f] {
			continue
		}
		i.folder[f] = true
		if err := i.add(f.From, f.Size); err != nil {
			return err
		}
		more, err := i.records(vol, f)
		if err := i.v.Refuse(err); err != nil {
			return err
		}
		folders = append(folders, more...)
	}
	return nil
}

// pathTables returns the folders in both path tables, which do not have their sizes.
func (i *image) pathTables(vol volume) (folders []extents.Span) {
	orders := []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}
	for n, table := range vol.tables {
		b := i.c.Peek(int64(table)*vol.block, int(min(vol.path, maxFolder)))
		for len(b) >= 8 {
			name, at := int(b[0]), orders[n].Uint32(b[2:])
			if vol.flags == 24 { // High Sierra
				name, at = int(b[5]), orders[n].Uint32(b)
			}
			size := (8 + name + 1) &^ 1
			if name == 0 || size > len(b) {
				break
			}
			b = b[size:]
			folders = append(folders, extents.Span{From: int64(at) * vol.block})
		}
	}
	return folders
}

// records takes the files of a folder and returns its folders.
func (i *image) records(vol volume, folder extents.Span) (folders []extents.Span, err error) {
	if folder.Size > maxFolder {
		return nil, unpack.TooLarge("CD image with a folder of %d bytes", folder.Size)
	}
	b := i.c.Peek(folder.From, int(folder.Size))
	if int64(len(b)) < folder.Size {
		err = unpack.Damaged("CD image with a folder that ends after the end of the image")
	}
	var parts []file // of a file in several records
	for at := 0; at+34 <= len(b); {
		size := int(b[at])
		if size == 0 { // the next sector
			at = at/sector*sector + sector
			continue
		}
		if size < 34 || at+size > len(b) {
			return folders, unpack.Damaged("CD image with a broken record in a folder")
		}
		r := record{b: b[at : at+size], vol: vol}
		at += size
		if r.b[vol.flags]&isFolder != 0 {
			if name := r.name(); name != "\x00" && name != "\x01" {
				folders = append(folders, r.folders()...)
			}
			continue
		}
		files := r.files()
		parts = append(parts, files[0])
		for _, other := range files[1:] {
			if err := i.v.Guess(func() error { return i.file(other) }); err != nil {
				return folders, err
			}
		}
		if r.b[vol.flags]&goesOn != 0 {
			continue
		}
		if err := i.whole(parts); err != nil {
			return folders, err
		}
		parts = nil
	}
	if len(parts) > 0 {
		if err := i.whole(parts); err != nil {
			return folders, err
		}
		err = unpack.Damaged("CD image with a file whose next part is missing")
	}
	return folders, err
}

// whole takes a file of one or more parts. If there are more, it also takes each part,
// which is all that some programs extract.
func (i *image) whole(parts []file) error {
	if len(parts) == 1 {
		return i.file(parts[0])
	}
	var readers []io.Reader
	for _, p := range parts {
		if err := i.v.Guess(func() error { return i.file(p) }); err != nil {
			return err
		}
		if err := i.add(p.at, p.size); err != nil {
			return err
		}
		readers = append(readers, p.open(i.c))
	}
	return i.v.Stream(parts[0].name, io.MultiReader(readers...))
}

// record describes a file or folder.
type record struct {
	b   []byte
	vol volume
}

func (r record) name() string { return string(r.b[33:min(33+int(r.b[32]), len(r.b))]) }

// places are the offset and size of the content. A record has them in both byte orders,
// which may differ.
func (r record) places() []extents.Span {
	le, be := binary.LittleEndian, binary.BigEndian
	all := []extents.Span{{From: int64(le.Uint32(r.b[2:])) * r.vol.block, Size: int64(le.Uint32(r.b[10:]))}}
	other := extents.Span{From: int64(be.Uint32(r.b[6:])) * r.vol.block, Size: int64(be.Uint32(r.b[14:]))}
	if other != all[0] {
		all = append(all, other)
	}
	if skip := int64(r.b[1]) * r.vol.block; skip > 0 { // of extended attributes, which some programs do not skip
		all = append([]extents.Span{{From: all[0].From + skip, Size: all[0].Size}}, all...)
	}
	return all
}

func (r record) folders() []extents.Span { return r.places() }

// files are the readings of a file, that of the standard first.
func (r record) files() (all []file) {
	unit, gap := int64(r.b[26])*r.vol.block, int64(r.b[27])*r.vol.block
	for _, p := range r.places() {
		f := file{name: r.name(), at: p.From, size: p.Size}
		if unit > 0 && gap > 0 {
			interleaved := f
			interleaved.unit, interleaved.gap = unit, gap
			all = append(all, interleaved)
		}
		all = append(all, f)
	}
	return all
}
