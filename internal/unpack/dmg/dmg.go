// Package dmg opens disk images of macOS (UDIF): partitions in blocks that are each
// compressed alone, a list of the blocks in XML, and a trailer with the place of the
// list.
package dmg

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/decode"
)

const (
	trailer = 512
	magic   = "koly"
	sector  = 512

	maxList   = 64 << 20
	maxBlocks = 1 << 20
	maxBlock  = 64 << 20 // unpacked bytes of one block
)

// Format is the disk image.
func Format() unpack.Format {
	return unpack.Format{
		Name: "disk image of macOS",
		Opens: "UDIF: all partitions, blocks stored or packed with zlib, bzip2, xz and ADC; LZFSE is refused. HFS+ in a " +
			"partition is the engine's, APFS is refused",
		Match: func(c unpack.Content, head []byte) bool {
			return ends(c) || len(head) >= trailer && string(head[:4]) == magic && binary.BigEndian.Uint32(head[8:]) == trailer
		},
		Costly: costly,
		Walk:   walk,
	}
}

// ends checks for a trailer at the end.
func ends(c unpack.Content) bool {
	b := c.Peek(c.Size()-trailer, 12)
	return len(b) == 12 && string(b[:4]) == magic && binary.BigEndian.Uint32(b[8:]) == trailer
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	list, err := listOf(c)
	if err != nil {
		return err
	}
	fork := int64(binary.BigEndian.Uint64(c.Peek(trailerAt(c), trailer)[24:]) & (1<<62 - 1))
	tables, err := tables(list)
	if err := v.Refuse(err); err != nil {
		return err
	}
	if len(tables) == 0 {
		return unpack.Damaged("disk image without partitions")
	}
	for _, b := range tables {
		if err := v.Refuse(partition(v, fork, b)); err != nil {
			return err
		}
	}
	return nil
}

// trailerAt is the offset of the trailer. Some old images begin with it.
func trailerAt(c unpack.Content) int64 {
	if ends(c) {
		return c.Size() - trailer
	}
	return 0
}

// listOf is the XML with the list of blocks.
func listOf(c unpack.Content) ([]byte, error) {
	be := binary.BigEndian
	t := c.Peek(trailerAt(c), trailer)
	if len(t) < trailer {
		return nil, unpack.Damaged("disk image without its trailer")
	}
	from, size := int64(be.Uint64(t[216:])&(1<<62-1)), int64(be.Uint64(t[224:])&(1<<62-1))
	switch {
	case size == 0:
		return nil, unpack.Unsupported("disk image without a list of its blocks in XML")
	case size > maxList:
		return nil, unpack.TooLarge("disk image with a list of %d bytes", size)
	}
	list := c.Peek(from, int(size))
	if int64(len(list)) < size {
		return nil, unpack.Damaged("disk image without all of the list of its blocks")
	}
	return list, nil
}

// tables are the tables of blocks in the XML: all data that begins as a table, in
// whatever elements.
func tables(list []byte) (all [][]byte, err error) {
	d := xml.NewDecoder(bytes.NewReader(list))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	data := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, unpack.Damaged("disk image with a list that cannot be read: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			data = token.Name.Local == "data"
		case xml.EndElement:
			data = false
		case xml.CharData:
			if !data {
				continue
			}
			text := bytes.Join(bytes.Fields(token), nil)
			b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
			n, err := base64.StdEncoding.Decode(b, text)
			if err != nil {
				return all, unpack.Damaged("disk image with a list that is not base64")
			}
			if b = b[:n]; bytes.HasPrefix(b, []byte("mish")) && len(b) >= 204 {
				all = append(all, b)
			}
		}
	}
}

// run is a number of sectors that are compressed together.
type run struct {
	kind     uint32
	sectors  uint64
	at, size int64 // offset and size of the compressed bytes
}

// Types of runs.
const (
	runZeros   = 0
	runRaw     = 1
	runIgnored = 2
	runADC     = 0x80000004
	runZlib    = 0x80000005
	runBzip2   = 0x80000006
	runXZ      = 0x80000008
	runComment = 0x7ffffffe
	runEnd     = 0xffffffff
)

// partition takes the partition of a table of blocks. fork is the offset from which the
// table's offsets are counted.
func partition(v *unpack.Visitor, fork int64, table []byte) error {
	be := binary.BigEndian
	fork += int64(be.Uint64(table[24:]) & (1<<62 - 1))
	var runs []run
	count := be.Uint32(table[200:])
	if count > maxBlocks {
		return unpack.TooMany("disk image with %d blocks", count)
	}
	for i := range int(count) {
		at := 204 + 40*i
		if at+40 > len(table) {
			return unpack.Damaged("disk image with a table of blocks that is cut off")
		}
		b := table[at:]
		r := run{
			kind: be.Uint32(b), sectors: be.Uint64(b[16:]),
			at: fork + int64(be.Uint64(b[24:])&(1<<61-1)), size: int64(be.Uint64(b[32:]) & (1<<61 - 1)),
		}
		switch r.kind {
		case runZeros, runRaw, runIgnored, runADC, runZlib, runBzip2, runXZ:
			runs = append(runs, r)
		case runComment, runEnd:
		default:
			if err := v.Refuse(unpack.Unsupported("disk image with blocks of type %08x", r.kind)); err != nil {
				return err
			}
		}
	}
	var part io.Reader
	return v.Stream("partition", bounded.Func(func(p []byte) (int, error) {
		for {
			if part == nil {
				if len(runs) == 0 {
					return 0, io.EOF
				}
				var err error
				if part, err = runs[0].open(v.Content()); err != nil {
					return 0, bounded.Unexpected(err)
				}
				runs = runs[1:]
			}
			n, err := part.Read(p)
			if bounded.Ended(err) {
				part, err = nil, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
		}
	}))
}

// open unpacks a run.
func (r run) open(c unpack.Content) (io.Reader, error) {
	if r.sectors > 1<<50 {
		return nil, unpack.Damaged("disk image with a block of %d sectors", r.sectors)
	}
	whole := int64(r.sectors) * sector
	raw := io.Reader(c.Section(r.at, r.size))
	var err error
	switch r.kind {
	case runZeros, runIgnored:
		return bounded.Zeros(whole), nil
	case runADC:
		if whole > maxBlock {
			return nil, unpack.TooLarge("disk image with a block of %d bytes", whole)
		}
		var b []byte
		b, err = adc(c.Peek(r.at, int(min(r.size, maxBlock))), int(whole))
		raw = bytes.NewReader(b)
	case runZlib:
		raw, err = zlib.NewReader(raw)
	case runBzip2:
		raw = bzip2.NewReader(raw)
	case runXZ:
		raw, err = decode.XZ(raw)
	}
	return bounded.Exactly(raw, whole), err
}

// adc unpacks a block in Apple Data Compression: literals, and matches of two or three
// bytes.
func adc(in []byte, size int) ([]byte, error) {
	out := make([]byte, 0, min(size, 64*len(in)+64))
	for len(out) < size && len(in) > 0 {
		b := int(in[0])
		var head, length, back int
		switch {
		case b >= 0x80:
			length = b&0x7f + 1
			if len(in) < 1+length {
				return out, io.ErrUnexpectedEOF
			}
			out, in = append(out, in[1:1+length]...), in[1+length:]
			continue
		case b >= 0x40:
			head, length = 3, b&0x3f+4
		default:
			head, length = 2, b>>2+3
		}
		if len(in) < head {
			return out, io.ErrUnexpectedEOF
		}
		if back = int(in[1]) + 1 + (b&3)<<8; head == 3 {
			back = int(in[1])<<8 + int(in[2]) + 1
		}
		if in = in[head:]; back > len(out) {
			return out, unpack.Damaged("disk image with a block that refers to bytes before its beginning")
		}
		for range length {
			out = append(out, out[len(out)-back])
		}
	}
	return out[:min(len(out), size)], nil
}
