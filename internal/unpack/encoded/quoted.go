package encoded

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

// QuotedPrintable decodes quoted-printable (RFC 2045, 6.7). An equals sign that is
// neither an escape nor a soft line break stays as it is.
type QuotedPrintable struct {
	In *bufio.Reader
	// Padded keeps white space at the ends of lines, which the standard drops.
	Padded bool

	out     []byte
	dropped bool
}

// Reader returns a reader of the decoded text. It never fails but as In does.
func (q *QuotedPrintable) Reader() io.Reader { return bounded.Blocks(q.next) }

// Dropped reports whether there was white space at the end of a line that was read.
func (q *QuotedPrintable) Dropped() bool { return q.dropped }

// next decodes one line, or a part of a long one.
func (q *QuotedPrintable) next() ([]byte, error) {
	line, err := q.In.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err, line = nil, bytes.Clone(line)
		for i := 1; i <= 2; i++ { // an escape of three bytes is not cut
			if line[len(line)-i] == '=' {
				more, _ := q.In.Peek(3 - i)
				line = append(line, more...)
				_, _ = q.In.Discard(len(more))
				break
			}
		}
	}
	whole := bytes.TrimRight(line, "\r\n")
	text, end := whole, line[len(whole):]
	if len(end) > 0 {
		text = bytes.TrimRight(whole, " \t")
	}
	if soft := bytes.TrimSuffix(text, []byte{'='}); len(soft) < len(text) && (len(end) > 0 || err != nil) {
		text, end = soft, nil
	} else if len(text) < len(whole) {
		if q.dropped = true; q.Padded {
			text = whole
		}
	}
	q.out = q.out[:0]
	for i := 0; i < len(text); i++ {
		c, escaped := hexdigit.Pair(text[i+1:])
		if text[i] != '=' || !escaped {
			q.out = append(q.out, text[i])
			continue
		}
		q.out = append(q.out, c)
		i += 2
	}
	q.out = append(q.out, end...)
	return q.out, err
}
