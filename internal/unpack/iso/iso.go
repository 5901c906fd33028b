// Package iso opens CD and DVD images with the file systems ISO 9660 (ECMA-119), High
// Sierra, which came before it, and Joliet; and images of raw sectors.
package iso

import (
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/extents"
)

const (
	sector = 2048
	start  = 16 * sector // offset of the volume descriptors
	// maxDescriptors is far more than an image has.
	maxDescriptors = 64
)

// Formats are the images.
func Formats() []unpack.Format {
	plain := unpack.Format{
		Name:  "CD image",
		Opens: "all files of ISO 9660, Joliet, High Sierra, and boot images; one that was cut off is refused",
		Match: func(c unpack.Content, _ []byte) bool {
			d := descriptor(c.Peek(start, sector))
			return d.iso() || d.sierra()
		},
		Whole: true,
		Walk:  walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: "\x01CD001\x01", Before: start,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if at < 0 {
				return 0, nil
			}
			if d := descriptor(v.Content().Peek(at+start, sector)); len(d) < sector || !d.agrees() {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return []unpack.Format{f, rawFormat(), zisofsFormat()}
}

// descriptor is a volume descriptor, of one sector.
type descriptor []byte

func (d descriptor) iso() bool { return len(d) == sector && string(d[1:6]) == "CD001" }

func (d descriptor) sierra() bool { return len(d) == sector && string(d[9:14]) == "CDROM" }

// agrees checks the fields that a descriptor has in both byte orders: the size of the
// volume and that of its blocks.
func (d descriptor) agrees() bool {
	le, be := binary.LittleEndian, binary.BigEndian
	block := le.Uint16(d[128:])
	return le.Uint32(d[80:]) == be.Uint32(d[84:]) && block == be.Uint16(d[130:]) && block >= 512 && block&(block-1) == 0
}

// volume is one tree of folders. An image may have several trees, of the same files or
// of others.
type volume struct {
	size   int64    // bytes
	block  int64    // bytes
	root   []byte   // the record of the root folder
	flags  int      // index of the flags in a record
	tables []uint32 // blocks at which the path tables begin
	path   int64    // bytes of each path table
}

// volume returns the volume of a descriptor, and reports whether it has one.
func (d descriptor) volume() (volume, bool) {
	le, be := binary.LittleEndian, binary.BigEndian
	shift, flags, kind := 0, 25, d[0]
	tables := []uint32{le.Uint32(d[140:]), be.Uint32(d[148:])}
	if d.sierra() {
		shift, flags, kind = 8, 24, d[8]
		tables = []uint32{le.Uint32(d[148:]), be.Uint32(d[164:])}
	}
	if kind != 1 && kind != 2 {
		return volume{}, false
	}
	v := volume{
		size: int64(le.Uint32(d[80+shift:])), block: int64(le.Uint16(d[128+shift:])),
		root: d[156+3*shift:][:34], flags: flags, tables: tables, path: int64(le.Uint32(d[132+shift:])),
	}
	if v.block == 0 {
		v.block = sector
	}
	v.size *= v.block
	return v, true
}

// image is a walk over an image.
type image struct {
	v      *unpack.Visitor
	c      unpack.Content
	used   *extents.Used
	done   map[file]bool
	folder map[extents.Span]bool // that were read
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	i := &image{v: v, c: c, used: extents.New(c), done: map[file]bool{}, folder: map[extents.Span]bool{}}
	var boot []int64
	end := int64(start)
	for n := range int64(maxDescriptors) {
		d := descriptor(c.Peek(start+n*sector, sector))
		if !d.iso() && !d.sierra() {
			break
		}
		if err := i.add(start+n*sector, sector); err != nil {
			return err
		}
		if d.iso() && d[0] == 0 && string(d[7:30]) == "EL TORITO SPECIFICATION" {
			boot = append(boot, int64(binary.LittleEndian.Uint32(d[71:]))*sector)
		}
		vol, ok := d.volume()
		if !ok {
			continue
		}
		end = max(end, vol.size)
		if err := i.v.Refuse(i.volume(vol)); err != nil {
			return err
		}
	}
	for _, at := range boot {
		if err := i.v.Refuse(i.boot(at, min(end, c.Size()))); err != nil {
			return err
		}
	}
	if err := i.used.Gaps(v, min(end, c.Size())); err != nil {
		return err
	}
	v.End(end)
	if end > c.Size() {
		return unpack.Damaged("CD image with %d of %d bytes", c.Size(), end)
	}
	return nil
}

// add records that bytes belong to a file or a structure.
func (i *image) add(at, size int64) error { return i.used.Add(extents.Span{From: at, Size: size}) }

// boot takes boot images, which are in no folder (El Torito). An image without a size
// ends where the next file begins.
func (i *image) boot(catalog, end int64) error {
	le := binary.LittleEndian
	b := i.c.Peek(catalog, sector)
	for at := 32; at+32 <= len(b); at += 32 {
		e := b[at:]
		if e[0] != 0x88 && e[0] != 0 || e[0] == 0 && le.Uint32(e[8:]) == 0 {
			continue
		}
		from, size := int64(le.Uint32(e[8:]))*sector, int64(le.Uint16(e[6:]))*512
		switch e[1] & 0x0f {
		case 1:
			size = 1200 << 10
		case 2:
			size = 1440 << 10
		case 3:
			size = 2880 << 10
		default:
			size = max(size, i.used.Next(from, end)-from)
		}
		if from <= 0 || from >= i.c.Size() {
			continue
		}
		if err := i.file(file{name: "boot image", at: from, size: min(size, i.c.Size()-from)}); err != nil {
			return err
		}
	}
	return nil
}

// file is a file in one piece, or interleaved with gaps.
type file struct {
	name      string
	at, size  int64
	unit, gap int64 // sizes of its parts and of the gaps between them; 0 for one piece
}

func (f file) open(c unpack.Content) io.Reader {
	if f.unit == 0 || f.gap == 0 {
		return c.Section(f.at, f.size)
	}
	var parts []io.Reader
	for at, left := f.at, f.size; left > 0 && at < c.Size(); at, left = at+f.unit+f.gap, left-f.unit {
		parts = append(parts, c.Section(at, min(f.unit, left)))
	}
	return io.MultiReader(parts...)
}

// file takes a file, once even if several folders have it.
func (i *image) file(f file) error {
	key := f
	key.name = ""
	if f.size == 0 || i.done[key] {
		return nil
	}
	i.done[key] = true
	if err := i.add(f.at, f.size); err != nil {
		return err
	}
	if err := i.v.Stream(f.name, f.open(i.c)); err != nil {
		return err
	}
	if f.at+f.size > i.c.Size() {
		return i.v.Refuse(unpack.Damaged("CD image with %s, which ends after the end of the image", unpack.Clip(f.name, 64)))
	}
	return nil
}
