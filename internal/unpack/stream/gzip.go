package stream

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// gzipFormat is gzip (RFC 1952), whose members are parts of one stream. As gzip does,
// it ignores bytes after the last member.
func gzipFormat() unpack.Format {
	return unpack.Format{
		Name:   "gzip",
		Opens:  "all members, as one stream",
		Magics: []unpack.Magic{{Text: "\x1f\x8b"}},
		Whole:  true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			g := newGzip(c, 0)
			err := v.Stream("gzip", g)
			v.End(g.end())
			return err
		},
		Marks: []unpack.Mark{{Text: "\x1f\x8b\x08", Open: gzipAt}},
	}
}

func gzipAt(v *unpack.Visitor, at int64) (int64, error) {
	const header = 10 // bytes
	if len(v.Content().Peek(at, header)) < header {
		return 0, nil
	}
	g := newGzip(v.Content(), at)
	whole, err := v.TryStream("gzip", g)
	if err != nil || !whole {
		return at + header, err
	}
	return at + g.end(), nil
}

// members reads all members, up to padding or anything else.
type members struct {
	in  *bufio.Reader
	raw *bounded.Counter
	z   *gzip.Reader
}

func newGzip(c unpack.Content, at int64) *members {
	raw := &bounded.Counter{R: c.Section(at, c.Size())}
	return &members{raw: raw, in: bufio.NewReaderSize(raw, 32<<10)}
}

// end is the number of bytes of the members that were read.
func (m *members) end() int64 { return m.raw.N - int64(m.in.Buffered()) }

func (m *members) Read(p []byte) (n int, err error) {
	if m.z == nil {
		if m.z, err = gzip.NewReader(m.in); err != nil {
			return 0, bounded.Unexpected(err)
		}
		m.z.Multistream(false)
	}
	if n, err = m.z.Read(p); !bounded.Ended(err) {
		return n, err
	}
	if head, _ := m.in.Peek(2); string(head) != "\x1f\x8b" {
		return n, io.EOF
	}
	if err := m.z.Reset(m.in); err != nil {
		return n, bounded.Unexpected(err)
	}
	m.z.Multistream(false)
	return n, nil
}
