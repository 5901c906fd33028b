package coverage

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/job"
)

// oleDirectory watches mscfb.New read, and stops it before it goes through a
// directory that would cost too much: the library keeps a path for every entry
// and goes down by recursion, so that a few megabytes of storages in storages
// take gigabytes, and more of them the stack, which nothing recovers from.
type oleDirectory struct {
	io.ReaderAt
	size, entries int64 // of the file, and the most entries

	sector int64 // bytes; 0 until the header was read
	difats uint32
	tree   []oleEntry
	whole  bool
	wrong  error
}

type oleEntry struct{ left, right, child uint32 }

const (
	oleNone  = 0xffffffff
	oleLast  = 0xfffffffe
	oleDepth = 64 // storages in storages: more than any program makes
)

func (d *oleDirectory) ReadAt(b []byte, at int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(b, at)
	if err != nil || d.whole {
		return n, err
	}
	le := binary.LittleEndian
	switch {
	case d.sector == 0 && n >= 76: // the header, MS-CFB 2.2
		d.sector, d.difats = 512, le.Uint32(b[72:])
		if le.Uint16(b[30:]) == 12 { // the library takes no others
			d.sector = 4096
		}
		perSector := d.sector / 4
		if int64(d.difats) > d.size/d.sector/perSector/perSector+2 {
			d.wrong = damaged("compound file with %d sectors of its sector lists", d.difats)
		}
	case int64(n) == d.sector && d.difats > 0:
		d.difats--
	case int64(n) == d.sector: // of the directory, MS-CFB 2.6.1
		for ; len(b) >= 128; b = b[128:] {
			d.tree = append(d.tree, oleEntry{le.Uint32(b[68:]), le.Uint32(b[72:]), le.Uint32(b[76:])})
		}
		if int64(len(d.tree)) > d.entries {
			d.wrong = tooWide("compound file with more than %d entries", d.entries)
		}
	case n == 4 && len(d.tree) > 0 && le.Uint32(b) == oleLast:
		d.whole, d.wrong = true, d.deep()
	}
	if d.wrong != nil {
		return 0, errors.New("stopped")
	}
	return n, nil
}

// deep goes through the directory as the library will.
func (d *oleDirectory) deep() error {
	type step struct {
		entry uint32
		depth int
	}
	todo := []step{{}}
	for visits := 0; len(todo) > 0; visits++ {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case visits >= len(d.tree):
			return damaged("compound file with a directory that leads into itself")
		case int64(s.entry) >= int64(len(d.tree)):
			return damaged("compound file without entry %d of its directory", s.entry)
		case s.depth > oleDepth:
			return &refusal{reason: job.LimitRecursion, detail: "compound file with storages in one another"}
		}
		e := d.tree[s.entry]
		for _, next := range []step{{e.left, s.depth}, {e.right, s.depth}, {e.child, s.depth + 1}} {
			if next.entry != oleNone {
				todo = append(todo, next)
			}
		}
	}
	return nil
}
