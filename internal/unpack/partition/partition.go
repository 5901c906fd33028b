// Package partition reads the partition tables of disks.
package partition

import (
	"encoding/binary"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Starts are the offsets in c, in bytes, at which partitions begin, by the GPT (UEFI
// 2.10, 5.3) and the MBR. Each is there once, in the order of the tables; none is 0 or
// beyond the end of c.
func Starts(c unpack.Content) []int64 {
	var starts []int64
	for _, at := range append(fromMBR(c, 0, 0), fromGPT(c)...) {
		if at > 0 && at < c.Size() && !slices.Contains(starts, at) {
			starts = append(starts, at)
		}
	}
	return starts
}

func fromGPT(c unpack.Content) []int64 {
	le := binary.LittleEndian
	var starts []int64
	for _, sector := range []int64{512, 4096} {
		h := c.Peek(sector, 92)
		if len(h) < 92 || string(h[:8]) != "EFI PART" {
			continue
		}
		size := int64(le.Uint32(h[84:]))
		if size < 128 || size > 4096 {
			continue
		}
		for i := range int64(min(le.Uint32(h[80:]), 256)) {
			entry := c.Peek(int64(le.Uint64(h[72:])&(1<<40-1))*sector+i*size, 48)
			if len(entry) < 48 {
				break
			}
			if start := le.Uint64(entry[32:]); start > 0 && start < 1<<40 {
				starts = append(starts, int64(start)*sector)
			}
		}
	}
	return starts
}

// mostLogical is how many logical partitions of an extended one are read: no system has
// so many.
const mostLogical = 60

// fromMBR reads the table at an offset. An extended partition begins with a table of
// its own, which has one partition and the offset of the next table; depth is 1 in
// those tables.
func fromMBR(c unpack.Content, at int64, depth int) []int64 {
	le := binary.LittleEndian
	b := c.Peek(at, 512)
	if len(b) < 512 || b[510] != 0x55 || b[511] != 0xaa {
		return nil
	}
	var starts []int64
	for i := 446; i < 510; i += 16 {
		kind, start := b[i+4], int64(le.Uint32(b[i+8:]))*512
		switch {
		case kind == 0 || start == 0:
		case kind == 0x05 || kind == 0x0f || kind == 0x85:
			if depth == 0 {
				starts = append(starts, logical(c, start)...)
			}
		default:
			starts = append(starts, at+start)
		}
	}
	return starts
}

// logical are the offsets of the partitions in an extended partition.
func logical(c unpack.Content, extended int64) []int64 {
	var starts []int64
	table := extended
	for range mostLogical {
		starts = append(starts, fromMBR(c, table, 1)...)
		b := c.Peek(table, 512)
		if len(b) < 512 || b[462+4] != 0x05 && b[462+4] != 0x0f {
			break
		}
		next := extended + int64(binary.LittleEndian.Uint32(b[462+8:]))*512
		if next <= table {
			break
		}
		table = next
	}
	return starts
}
