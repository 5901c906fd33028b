package tar

import (
	"bufio"
	"io"
	"slices"
	"strconv"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// piece is a stored part of a sparse member, at an offset of the member. All other
// bytes are zeros.
type piece struct{ at, size int64 }

// maxPieces bounds the memory for a list of pieces.
const maxPieces = 1 << 20

// sparse reads the whole of a member of which only pieces are stored: by GNU's tar in
// its old headers, by star, or in versions 0.0, 0.1 and 1.0 of GNU's pax records (GNU
// tar manual, "Storing Sparse Files"). size is the number of stored bytes, including
// the map of version 1.0. ok is false if the member is not sparse.
func (m member) sparse(c unpack.Content, size int64) (r io.Reader, ok bool, err error) {
	a := m.global.merged(m.own)
	stored := c.Part(m.at, size)
	switch {
	case a.holes:
		return nil, true, unpack.Unsupported("tar with %s, whose holes Sun's tar has left out", m.name())
	case a.major == "1":
		list, err := readMap(stored.Reader(0))
		if err != nil {
			return nil, true, err
		}
		return put(m, stored.From(padded(list.size)), list.pieces, a.real)
	case a.mapped:
		return put(m, stored, a.pieces, a.real)
	case a.major != "" && a.major != "0":
		return nil, true, unpack.Unsupported("tar with %s, sparse in version %s.%s", m.name(), a.major, a.minor)
	case m.kind() == 'S' && (m.gnu() || m.star()):
		list, full, err := m.oldMap(c)
		if err != nil {
			return nil, true, err
		}
		return put(m, c.Part(m.at+m.moreMaps(c), size), list, full)
	}
	return nil, false, nil
}

// put reads the pieces, and zeros between them.
func put(m member, stored unpack.Content, list []piece, size int64) (io.Reader, bool, error) {
	end, total := int64(0), int64(0)
	for _, p := range list {
		if p.at < end || p.size > 1<<62-p.at {
			return nil, true, unpack.Damaged("tar with %s, whose sparse map goes backwards", m.name())
		}
		end, total = p.at+p.size, total+p.size
	}
	if size == 0 {
		size = end
	}
	if end > size || total > stored.Size() {
		return nil, true, unpack.Damaged("tar with %s, whose sparse map goes beyond its end", m.name())
	}
	end = 0
	from := int64(0)
	list = append(slices.Clip(list), piece{at: size})
	next := 0
	var part io.Reader = bounded.Exactly(nil, 0)
	return bounded.Func(func(p []byte) (int, error) {
		for {
			n, err := part.Read(p)
			if n > 0 || err != nil && !bounded.Ended(err) {
				return n, notEOF(err)
			}
			switch {
			case next == len(list):
				return 0, io.EOF
			case end < list[next].at:
				part = bounded.Zeros(list[next].at - end)
				end = list[next].at
			default:
				part = bounded.Exactly(stored.Section(from, list[next].size), list[next].size)
				from, end = from+list[next].size, end+list[next].size
				next++
			}
		}
	}), true, nil
}

// notEOF is the error of one part: its end is not the end of the member.
func notEOF(err error) error {
	if bounded.Ended(err) {
		return nil
	}
	return err
}

// oldMap is the list of pieces in an old header of GNU's tar or star, and the size of
// the whole member. The header has four pieces, and each block after it 21, up to a
// block that says that none follows.
func (m member) oldMap(c unpack.Content) (list []piece, full int64, err error) {
	entries, size := m.header[386:482], m.header[483:495]
	if m.star() && !m.gnu() {
		entries, size = m.header[356:452], m.header[452:464]
	}
	full, ok := number(size)
	ended := false // an entry was not used
	end := m.at + m.moreMaps(c)
	for at := m.at; ; at += block {
		for ; len(entries) >= 24; entries = entries[24:] {
			offset, ok1 := number(entries[:12])
			length, ok2 := number(entries[12:24])
			used := entries[0] != 0 && entries[12] != 0
			// For some programs the offset says that an entry is not used, for others the length.
			ok = ok && ok1 && ok2 && (!used || !ended) && (used || offset == 0 && length == 0)
			ended = ended || !used
			if length > 0 {
				list = append(list, piece{at: offset, size: length})
			}
		}
		if at == end {
			break
		}
		more := c.Peek(at, block)
		if len(more) < block || len(list) > maxPieces {
			return nil, 0, unpack.Damaged("tar with %s, whose sparse map does not end", m.name())
		}
		entries = more[:504]
	}
	if !ok {
		return nil, 0, unpack.Damaged("tar with %s, whose sparse map cannot be read", m.name())
	}
	return list, full, nil
}

// moreMaps is the size in bytes of the blocks with more pieces, after the header.
func (m member) moreMaps(c unpack.Content) int64 {
	more := m.gnu() && m.header[482] != 0 || !m.gnu() && m.star() && m.header[355] != 0
	size := int64(0)
	for more {
		b := c.Peek(m.at+size, block)
		size += block
		more = len(b) == block && b[504] != 0
	}
	return size
}

// pieces parses a list of offsets and sizes.
func pieces(numbers []string) ([]piece, bool) {
	list := make([]piece, 0, len(numbers)/2)
	for pair := range slices.Chunk(numbers, 2) {
		if len(pair) < 2 {
			return list, len(numbers) == 1 && pair[0] == ""
		}
		at, err1 := strconv.ParseInt(pair[0], 10, 64)
		size, err2 := strconv.ParseInt(pair[1], 10, 64)
		if err1 != nil || err2 != nil || at < 0 || size < 0 {
			return list, false
		}
		list = append(list, piece{at: at, size: size})
	}
	return list, true
}

// storedMap is a list of pieces that is stored before them, and takes size bytes.
type storedMap struct {
	pieces []piece
	size   int64
}

// readMap reads the list of version 1.0: lines of decimal digits, of which the first is
// the number of pieces.
func readMap(in *bufio.Reader) (storedMap, error) {
	var m storedMap
	number := func() (int64, error) {
		line, err := in.ReadSlice('\n')
		m.size += int64(len(line))
		if err != nil {
			return 0, unpack.Damaged("tar with a sparse map that does not end: %v", err)
		}
		v, err := strconv.ParseInt(string(line[:len(line)-1]), 10, 64)
		if err != nil || v < 0 {
			return 0, unpack.Damaged("tar with a sparse map that cannot be read")
		}
		return v, nil
	}
	count, err := number()
	if err != nil {
		return m, err
	}
	if count > maxPieces {
		return m, unpack.TooMany("tar with a sparse member of %d pieces", count)
	}
	for range count {
		at, err := number()
		if err != nil {
			return m, err
		}
		size, err := number()
		if err != nil {
			return m, err
		}
		m.pieces = append(m.pieces, piece{at: at, size: size})
	}
	return m, nil
}
