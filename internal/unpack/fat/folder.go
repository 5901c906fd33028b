package fat

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Bits of an entry's attributes.
const (
	isVolume = 1 << 3
	isFolder = 1 << 4
	longName = 0x0f // all bits of an entry with a part of a long name
)

const (
	// maxFolder is the largest size of a folder, in bytes: systems read at most 2 MiB.
	maxFolder = 16 << 20
	// maxName is the largest size of a long name, in bytes: 255 characters of UTF-16.
	maxName = 3 * 255
)

// fileKey is a file by one reading of the table.
type fileKey struct {
	kind  int
	table int64
	start uint32
	size  int64
}

// walker is a walk over a volume.
type walker struct {
	volume
	v     *unpack.Visitor
	spent int64 // bytes of files
	most  int64
	done  map[fileKey]bool
}

// entry is a file or a folder that was found.
type entry struct {
	name   string
	folder bool
	start  uint32
	size   int64
}

// tree is a walk by one reading of the table.
type tree struct {
	table
	w        *walker
	read     map[uint32]bool // clusters of folders
	folders  []entry         // not read yet
	found    int             // number of folders
	afterEnd []entry         // of folders, after the entry that ends them
}

// reading walks the files by one copy of the table.
func (w *walker) reading(kind int, number int64) error {
	at := w.volume.table + number*w.tableSize
	t := &tree{table: table{volume: w.volume, at: at, end: at + w.tableSize}, w: w, read: map[uint32]bool{}}
	t.kind = kind
	if kind == 32 {
		t.folders = []entry{{start: w.rootStart, folder: true}}
	} else if err := t.entries("", w.c.Peek(w.root, int(w.rootSize))); err != nil {
		return err
	}
	if err := t.walk(); err != nil {
		return err
	}
	// Most systems stop at the first unused entry of a folder; Linux goes on after it.
	return w.v.Guess(func() error {
		for _, e := range t.afterEnd {
			if err := t.take(e); err != nil {
				return err
			}
		}
		t.afterEnd = nil
		return t.walk()
	})
}

// walk reads folders until none is left.
func (t *tree) walk() error {
	for len(t.folders) > 0 {
		f := t.folders[0]
		t.folders = t.folders[1:]
		if t.read[f.start] {
			continue
		}
		b, err := t.folder(f.start)
		if err := t.w.v.Refuse(err); err != nil {
			return err
		}
		if err := t.entries(f.name, b); err != nil {
			return err
		}
	}
	return nil
}

// folder reads a whole folder. No cluster is read for two folders.
func (t *tree) folder(at uint32) (b []byte, err error) {
	if !t.valid(at) {
		return nil, unpack.Damaged("FAT volume with a folder in cluster %d, beyond the last", at)
	}
	for err == nil {
		if t.read[at] {
			return b, unpack.Damaged("FAT volume with folders that share cluster %d", at)
		}
		t.read[at] = true
		part := t.c.Peek(t.place(at), int(t.cluster))
		b = append(b, part...)
		if int64(len(part)) < t.cluster {
			return b, unpack.Damaged("FAT volume with a folder after the end of the volume")
		}
		if len(b) > maxFolder {
			return b, unpack.TooLarge("FAT volume with a folder of more than %d bytes", maxFolder)
		}
		at, err = t.after(at)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

// entries takes the files of a folder, and adds its folders to t.folders.
func (t *tree) entries(folder string, b []byte) error {
	le := binary.LittleEndian
	long, ended := "", false
	for ; len(b) >= 32; b = b[32:] {
		attributes := b[11] & 0x3f
		switch {
		case b[0] == 0:
			ended = true
		case b[0] == 0xe5: // deleted
		case attributes == longName:
			long = unpack.Clip(namePart(b)+long, maxName)
			continue
		case attributes&isVolume == 0:
			e := entry{
				name: long, folder: attributes&isFolder != 0, start: uint32(le.Uint16(b[26:])), size: int64(le.Uint32(b[28:])),
			}
			if t.kind == 32 {
				e.start |= uint32(le.Uint16(b[20:])) << 16
			}
			if e.name == "" {
				e.name = shortName(b)
			}
			e.name = folder + e.name
			if ended {
				if t.valid(e.start) && e.size <= t.clusters*t.cluster && len(t.afterEnd) < t.w.v.Limits().Members {
					t.afterEnd = append(t.afterEnd, e)
				}
			} else if err := t.take(e); err != nil {
				return err
			}
		}
		long = ""
	}
	return nil
}

// namePart is the part of a long name in an entry.
func namePart(b []byte) string {
	var units []uint16
	for i := range 13 {
		at := 1 + 2*i
		if i >= 5 {
			at += 3
		}
		if i >= 11 {
			at += 2
		}
		u := binary.LittleEndian.Uint16(b[at:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

func shortName(b []byte) string {
	name, ending := strings.TrimRight(string(b[:8]), " "), strings.TrimRight(string(b[8:11]), " ")
	if ending == "" {
		return name
	}
	return name + "." + ending
}

// take takes a file, or adds a folder to t.folders. The entries "." and ".." lead to
// folders that were read; cluster 0 is the root folder.
func (t *tree) take(e entry) error {
	if e.folder {
		if e.start != 0 && !t.read[e.start] {
			if t.found++; t.found > t.w.v.Limits().Members {
				return unpack.TooMany("FAT volume with more than %d folders", t.found-1)
			}
			e.name = unpack.Clip(e.name, 128) + "/"
			t.folders = append(t.folders, e)
		}
		return nil
	}
	key := fileKey{kind: t.kind, table: t.at, start: e.start, size: e.size}
	switch {
	case e.size == 0 || t.w.done[key]:
		return nil
	case !t.valid(e.start):
		return t.w.v.Refuse(unpack.Damaged(
			"FAT volume with %s in cluster %d, beyond the last", unpack.Clip(e.name, 64), e.start,
		))
	case t.w.spent > t.w.most:
		return unpack.TooMany("FAT volume with files that overlap, of more than %d bytes together", t.w.most)
	}
	t.w.done[key] = true
	f := &file{table: &t.table, at: e.start, left: e.size, mark: e.start, spent: &t.w.spent}
	return t.w.v.Stream(e.name, bounded.Blocks(f.block))
}

// file reads the clusters of a file.
type file struct {
	table *table
	at    uint32 // the next cluster
	left  int64  // bytes
	err   error  // after the bytes that were read
	mark  uint32 // a cluster that was read; coming to it again means a loop
	steps int64  // since mark was set
	until int64  // after so many steps, mark is set again
	spent *int64 // bytes of all files
}

// block reads clusters that are next to each other.
func (f *file) block() ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	const most = 64 << 10
	t, start, size := f.table, f.at, int64(0)
	for f.err == nil && f.at == start+uint32(size/t.cluster) && size < most {
		size += t.cluster
		if size >= f.left {
			size, f.err = f.left, io.EOF
			break
		}
		f.at, f.err = f.next()
	}
	b := t.c.Peek(t.place(start), int(size))
	f.left -= int64(len(b))
	*f.spent += int64(len(b))
	if int64(len(b)) < size {
		f.err = unpack.Damaged("FAT volume with a file after the end of the volume")
	}
	return b, f.err
}

// next is the next cluster of a file that does not end here. The mark is set again after
// twice as many clusters each time, so that every loop is noticed (Brent's algorithm).
func (f *file) next() (uint32, error) {
	next, err := f.table.after(f.at)
	if errors.Is(err, io.EOF) {
		return 0, unpack.Damaged("FAT volume with a file whose chain ends %d bytes before its size", f.left)
	}
	if err == nil && next == f.mark {
		return 0, unpack.Damaged("FAT volume with a chain that leads back to cluster %d", next)
	}
	if f.steps++; f.steps > f.until {
		f.mark, f.steps, f.until = next, 0, 2*f.until+1
	}
	return next, err
}
