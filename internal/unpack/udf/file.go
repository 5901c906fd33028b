package udf

import (
	"encoding/binary"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/extents"
)

// longAd is the place of an extent (ECMA-167, 4/14.14.2).
type longAd struct {
	size  uint32 // bytes in the lower 30 bits, the type in the others
	block uint32 // of the partition
	part  uint16 // number of the partition
}

func readLong(b []byte) longAd {
	le := binary.LittleEndian
	return longAd{size: le.Uint32(b), block: le.Uint32(b[4:]), part: le.Uint16(b[8:])}
}

// file is the descriptor of a file or folder. A part of its content with a negative
// offset is zeros.
type file struct {
	kind    byte
	size    int64
	parts   []extents.Span
	streams longAd // folder of named streams; of size 0 if there is none
}

// Types of files.
const (
	kindFolder  = 4
	kindStreams = 13
	kindLink    = 12
)

// part is the partition that an extent refers to.
func (vol *volume) part(number uint16) partition {
	if int(number) >= len(vol.parts) {
		return partition{refuse: unpack.Damaged("UDF image without partition %d", number)}
	}
	return vol.parts[number]
}

// fileSet walks the files of a set.
func (vol *volume) fileSet(at longAd) error {
	p := vol.part(at.part)
	offset, err := vol.at(p, int64(at.block))
	if err != nil {
		return err
	}
	b := vol.c.Peek(offset, 512)
	if len(b) < 512 || tag(b) != tagFileSet {
		return unpack.Damaged("UDF image without its file set")
	}
	if err := vol.walk("", readLong(b[400:])); err != nil {
		return err
	}
	if streams := readLong(b[464:]); streams.size > 0 {
		return vol.walk("", streams)
	}
	return nil
}

// walk takes a file, or all files in a folder and the folders below it.
func (vol *volume) walk(name string, at longAd) error {
	type entry struct {
		name string
		at   longAd
	}
	for entries := []entry{{name: name, at: at}}; len(entries) > 0; {
		e := entries[0]
		entries = entries[1:]
		f, first, err := vol.open(e.at)
		if err := vol.v.Refuse(err); err != nil {
			return err
		}
		if err != nil || !first {
			continue
		}
		if f.streams.size > 0 {
			entries = append(entries, entry{name: e.name, at: f.streams})
		}
		if f.kind != kindFolder && f.kind != kindStreams {
			if err := vol.content(e.name, f); err != nil {
				return err
			}
			continue
		}
		err = vol.folder(f, func(name string, at longAd) { entries = append(entries, entry{name: name, at: at}) })
		if err := vol.v.Refuse(err); err != nil {
			return err
		}
	}
	return nil
}

// open reads the descriptor of a file. first is false if it was read before.
func (vol *volume) open(at longAd) (f *file, first bool, err error) {
	p := vol.part(at.part)
	offset, err := vol.at(p, int64(at.block))
	if err != nil || vol.read[offset] {
		return nil, false, err
	}
	vol.read[offset] = true
	if vol.files++; vol.files > maxFileDescriptors {
		return nil, false, unpack.TooMany("UDF image with more than %d files", maxFileDescriptors)
	}
	if err := vol.used.Add(extents.Span{From: offset, Size: vol.block}); err != nil {
		return nil, false, err
	}
	f, err = vol.readFile(p, int64(at.block))
	return f, err == nil, err
}

// readFile reads the descriptor of a file at a block of a partition.
func (vol *volume) readFile(p partition, block int64) (*file, error) {
	le := binary.LittleEndian
	offset, err := vol.at(p, block)
	if err != nil {
		return nil, err
	}
	b := vol.c.Peek(offset, int(vol.block))
	kind, more := tag(b), 168
	switch {
	case kind == tagExtendedFile:
		more = 208
	case kind != tagFile:
		return nil, unpack.Damaged("UDF image with a file without a descriptor")
	}
	if len(b) < more+8 {
		return nil, unpack.Damaged("UDF image with a file whose descriptor is cut off")
	}
	if strategy := le.Uint16(b[20:]); strategy != 4 {
		return nil, unpack.Unsupported("UDF image with files of strategy %d", strategy)
	}
	f := &file{kind: b[27], size: int64(le.Uint64(b[56:]) & (1<<62 - 1))}
	if kind == tagExtendedFile {
		f.streams = readLong(b[152:])
	}
	attributes, list := uint64(le.Uint32(b[more:])), uint64(le.Uint32(b[more+4:]))
	from := uint64(more) + 8 + attributes
	if from+list > uint64(len(b)) {
		return nil, unpack.Damaged("UDF image with a file whose extents are cut off")
	}
	switch how := b[34] & 7; how {
	case 3: // the content is in the descriptor
		f.parts = []extents.Span{{From: offset + int64(from), Size: int64(list)}}
		return f, nil
	case 0, 1:
		return f, vol.extents(f, p, b[from:from+list], extentKind(how))
	default:
		return nil, unpack.Unsupported("UDF image with extents of type %d", how)
	}
}

// maxExtents is how many extents one file may have.
const maxExtents = 1 << 20

func tooManyExtents() error {
	return unpack.TooMany("UDF image with a file of more than %d extents", maxExtents)
}

// extentKind is the type of allocation descriptors (ECMA-167, 4/14.6.8).
type extentKind byte

const (
	shortExtents extentKind = 0 // of 8 bytes, in the partition of the descriptor
	longExtents  extentKind = 1 // of 16 bytes, with a partition
)

// extents reads a list of extents, and the lists that continue it.
func (vol *volume) extents(f *file, p partition, list []byte, kind extentKind) error {
	le := binary.LittleEndian
	step, long := 8, kind == longExtents
	if long {
		step = 16
	}
	for lists := 0; len(list) >= step; {
		e := longAd{size: le.Uint32(list), block: le.Uint32(list[4:])}
		in := p
		if long {
			in = vol.part(le.Uint16(list[8:]))
		}
		list = list[step:]
		size, kind := int64(e.size&(1<<30-1)), e.size>>30
		if size == 0 {
			break
		}
		if kind == 1 || kind == 2 { // not recorded
			if f.parts = append(f.parts, extents.Span{From: -1, Size: size}); len(f.parts) > maxExtents {
				return tooManyExtents()
			}
			continue
		}
		at, err := vol.at(in, int64(e.block))
		if err != nil {
			return err
		}
		if kind == 0 {
			if in.blocks == nil && at+size > in.at+in.size {
				return unpack.Damaged("UDF image with a file that ends after the end of its partition")
			}
			if f.parts = append(f.parts, extents.Span{From: at, Size: size}); len(f.parts) > maxExtents {
				return tooManyExtents()
			}
			continue
		}
		b := vol.c.Peek(at, int(min(size, 1<<20)))
		if lists++; tag(b) != tagAllocation || lists > maxExtents/64 {
			return unpack.Damaged("UDF image with a file whose list of extents is cut off")
		}
		if err := vol.used.Add(extents.Span{From: at, Size: size}); err != nil {
			return err
		}
		list = b[24:min(24+int(min(le.Uint32(b[20:]), 1<<20)), len(b))]
	}
	return nil
}

// reader reads the content of a file.
func (vol *volume) reader(f *file) io.Reader {
	var all []io.Reader
	for _, e := range f.parts {
		if e.From < 0 {
			all = append(all, bounded.Zeros(e.Size))
			continue
		}
		all = append(all, vol.c.Section(e.From, e.Size))
	}
	return io.LimitReader(io.MultiReader(all...), f.size)
}

// use records that the extents of a file belong to it.
func (vol *volume) use(f *file) error {
	for _, e := range f.parts {
		if e.From < 0 {
			continue
		}
		if err := vol.used.Add(e); err != nil {
			return err
		}
	}
	return nil
}

func (vol *volume) content(name string, f *file) error {
	if err := vol.use(f); err != nil {
		return vol.v.Refuse(err)
	}
	if f.kind == kindLink || f.size == 0 {
		return nil
	}
	if err := vol.v.Stream(name, vol.reader(f)); err != nil {
		return err
	}
	have := int64(0)
	for _, e := range f.parts {
		if have += e.Size; e.From+e.Size > vol.c.Size() {
			return vol.v.Refuse(unpack.Damaged(
				"UDF image with %s, which ends after the end of the image", unpack.Clip(name, 64),
			))
		}
	}
	if have < f.size {
		return vol.v.Refuse(unpack.Damaged("UDF image with %d of %d bytes of %s", have, f.size, unpack.Clip(name, 64)))
	}
	return nil
}

// maxFolder is the largest size of a folder, in bytes.
const maxFolder = 64 << 20

// folder calls found for each file and folder in a folder that is not deleted.
func (vol *volume) folder(f *file, found func(name string, at longAd)) error {
	const deleted, parent = 1 << 2, 1 << 3
	if err := vol.use(f); err != nil {
		return err
	}
	if f.size > maxFolder {
		return unpack.TooLarge("UDF image with a folder of %d bytes", f.size)
	}
	b, err := io.ReadAll(vol.reader(f))
	if err != nil {
		return unpack.Damaged("UDF image: %v", err)
	}
	if int64(len(b)) < f.size {
		err = unpack.Damaged("UDF image with a folder that is cut off")
	}
	for len(b) >= 38 {
		if tag(b) != tagFileIdentifier {
			return unpack.Damaged("UDF image with a folder that cannot be read")
		}
		name, use := int(b[19]), int(binary.LittleEndian.Uint16(b[36:]))
		size := (38 + use + name + 3) &^ 3
		if size > len(b) {
			return unpack.Damaged("UDF image with a folder that is cut off")
		}
		if b[18]&(deleted|parent) == 0 {
			found(string(b[38+use:38+use+name]), readLong(b[20:]))
		}
		b = b[size:]
	}
	return err
}
