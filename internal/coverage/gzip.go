package coverage

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

// walkGzip unpacks all members of a gzip file as the one stream that they are.
func walkGzip(w *walk, n node) error {
	in := &counted{r: n.at(0, n.size)}
	g := &gzipMembers{in: bufio.NewReaderSize(in, 64<<10)}
	if err := w.stream(n, "gzip", g, true); err != nil {
		return err
	}
	// gzip ignores what follows the last member; the engine has seen it raw.
	end := in.n - int64(g.in.Buffered())
	return w.remainder(n, "appended", end, n.size-end)
}

// counted counts what was read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// gzipMembers reads member after member, up to padding or anything else.
type gzipMembers struct {
	in *bufio.Reader
	z  *gzip.Reader
}

func (g *gzipMembers) Read(p []byte) (n int, err error) {
	if g.z == nil {
		if g.z, err = gzip.NewReader(g.in); err != nil {
			return 0, unexpected(err)
		}
		g.z.Multistream(false)
	}
	if n, err = g.z.Read(p); !ended(err) {
		return n, err
	}
	if head, _ := g.in.Peek(2); string(head) != "\x1f\x8b" {
		return n, io.EOF
	}
	if err := g.z.Reset(g.in); err != nil {
		return n, unexpected(err)
	}
	g.z.Multistream(false)
	return n, nil
}

// unexpected keeps the end of a cut header from passing for an orderly end.
func unexpected(err error) error {
	if ended(err) {
		return io.ErrUnexpectedEOF
	}
	return err
}
