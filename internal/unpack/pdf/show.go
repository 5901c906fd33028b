package pdf

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	// maxAlone is how many streams of one PDF are shown by themselves. Each takes the
	// engine a millisecond or more, and a document may have tens of thousands. From then
	// on, small streams that are neither files for a reader nor containers are shown
	// together.
	maxAlone = 1000
	// maxSmall is how many bytes a small stream may have.
	maxSmall = 64 << 10
	// maxJoined is how many bytes are shown together.
	maxJoined = 1 << 20
)

// show shows an unpacked stream.
func (d *document) show(s stream, in *bufio.Reader) error {
	if _, err := in.Peek(1); err != nil { // it is empty
		return nil
	}
	var r io.Reader = in
	if d.shownAlone >= maxAlone && !s.attached && !d.filesFull {
		if d.buffer == nil {
			d.buffer = make([]byte, maxSmall)
		}
		n, err := io.ReadFull(in, d.buffer)
		small := d.buffer[:n]
		if errors.Is(err, io.ErrUnexpectedEOF) && !d.visitor.Known(unpack.NewContent(bytes.NewReader(small), int64(n))) {
			return d.join("streams", &d.joined, small)
		}
		r = io.MultiReader(bytes.NewReader(small), in)
	}
	d.shownAlone++
	if s.picture { // pixels may look like a container
		return d.visitor.Guess(func() error { return d.visitor.Stream("stream", r) })
	}
	return d.visitor.Stream("stream", r)
}

// join adds content to what is shown together.
func (d *document) join(as string, all *[]byte, content []byte) error {
	if len(*all)+len(content) > maxJoined {
		if err := d.together(as, all); err != nil {
			return err
		}
	}
	*all = append(append(*all, content...), '\n')
	return nil
}

// together shows what join has added.
func (d *document) together(as string, all *[]byte) error {
	if len(*all) == 0 {
		return nil
	}
	content := *all
	*all = nil
	return d.visitor.Stream(as, bytes.NewReader(content))
}
