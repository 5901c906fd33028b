package ole

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

// directoryGuard reads a file for mscfb.New. It follows what the library reads, and
// makes a read fail before the library goes through a directory that costs too much:
// the library keeps a path for every entry and descends by recursion, so that a few
// megabytes of storages in storages take gigabytes, and more of them overflow the
// stack, which ends the program.
type directoryGuard struct {
	io.ReaderAt
	size       int64 // bytes of the file
	maxEntries int64

	sector  int64   // bytes of a sector, 0 until the header was read
	difats  uint32  // sectors of the DIFAT that were not read
	entries []entry // of the directory
	// complete says that the directory was read.
	complete bool
	refusal  error
}

// entry has the neighbours of an entry of the directory, by their indexes (MS-CFB,
// 2.6.1).
type entry struct{ left, right, child uint32 }

const (
	noStream   = 0xffffffff // NOSTREAM: no such neighbour
	endOfChain = 0xfffffffe // ENDOFCHAIN: no further sector
	// maxDepth is how many storages may be in one another: more than programs make.
	maxDepth = 64
)

// Sizes in bytes (MS-CFB, 2.2 and 2.6.1).
const (
	minHeader = 76
	entrySize = 128
)

// ReadAt implements io.ReaderAt. The library reads the header, then the sectors of the
// DIFAT, then each sector of the directory, and behind each of these the number of the
// next, in four bytes of the FAT.
func (d *directoryGuard) ReadAt(b []byte, at int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(b, at)
	if err != nil || d.complete {
		return n, err
	}
	switch {
	case d.sector == 0 && n >= minHeader:
		d.refusal = d.header(b)
	case int64(n) == d.sector && d.difats > 0:
		d.difats--
	case int64(n) == d.sector:
		d.refusal = d.directorySector(b)
	case n == 4 && len(d.entries) > 0 && binary.LittleEndian.Uint32(b) == endOfChain:
		d.complete, d.refusal = true, d.check()
	}
	if d.refusal != nil {
		return 0, errors.New("stopped by directoryGuard")
	}
	return n, nil
}

// header takes the size of sectors and the number of sectors of the DIFAT (MS-CFB,
// 2.2).
func (d *directoryGuard) header(b []byte) error {
	le := binary.LittleEndian
	d.sector, d.difats = 512, le.Uint32(b[72:])
	if le.Uint16(b[30:]) == 12 { // the library takes no other sizes
		d.sector = 4096
	}
	perSector := d.sector / 4 // numbers of sectors in one sector
	if int64(d.difats) > d.size/d.sector/perSector/perSector+2 {
		return unpack.Damaged("compound file of %d bytes with %d sectors in its DIFAT", d.size, d.difats)
	}
	return nil
}

// directorySector takes the entries of one sector of the directory.
func (d *directoryGuard) directorySector(b []byte) error {
	le := binary.LittleEndian
	for ; len(b) >= entrySize; b = b[entrySize:] {
		e := entry{left: le.Uint32(b[68:]), right: le.Uint32(b[72:]), child: le.Uint32(b[76:])}
		d.entries = append(d.entries, e)
	}
	if int64(len(d.entries)) > d.maxEntries {
		return unpack.TooMany("compound file with more than %d entries in its directory", d.maxEntries)
	}
	return nil
}

// check goes through the directory as the library will. The error is a Refusal.
func (d *directoryGuard) check() error {
	type step struct {
		entry uint32
		depth int
	}
	todo := []step{{}}
	for visits := 0; len(todo) > 0; visits++ {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case visits >= len(d.entries):
			return unpack.Damaged("compound file with a storage that contains itself")
		case int64(s.entry) >= int64(len(d.entries)):
			return unpack.Damaged("compound file without entry %d of its directory", s.entry)
		case s.depth > maxDepth:
			return unpack.TooDeep("compound file with more than %d storages in one another", maxDepth)
		}
		e := d.entries[s.entry]
		for _, next := range []step{
			{entry: e.left, depth: s.depth}, {entry: e.right, depth: s.depth}, {entry: e.child, depth: s.depth + 1},
		} {
			if next.entry != noStream {
				todo = append(todo, next)
			}
		}
	}
	return nil
}
