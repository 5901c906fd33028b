// Package script refuses scripts for which the time that clamd takes grows with the
// square of their length.
package script

import (
	"bytes"
	"errors"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	// mostCalls is how many calls of eval and unescape may be in a file that clamd is
	// given: it replaces each call by its result, and moves all bytes that follow. It
	// takes 7 seconds for 64,000 calls. Of 3,651 pages and scripts that were measured,
	// none had more than 1,748.
	mostCalls = 10000
	// shortest is the size in bytes of the shortest file with more calls.
	shortest = mostCalls * int64(len("eval()"))
	// most is how many bytes of a file are searched for calls: clamd unescapes no more
	// of a script (MaxScriptNormalize).
	most = 32 << 20
)

// Format is text that has so many calls anywhere.
func Format() unpack.Format {
	return unpack.Format{
		Name:  "script of very many calls",
		Opens: "refused: more than 10,000 calls of `eval` and `unescape`",
		Match: func(c unpack.Content, head []byte) bool {
			return c.Size() > shortest && bytes.IndexByte(head, 0) < 0 && costly(c) != nil
		},
		Beside: true,
		Costly: costly,
		Walk:   func(*unpack.Visitor, unpack.Content) error { return nil },
	}
}

func costly(c unpack.Content) error {
	unescape, eval := []byte("unescape"), []byte("eval")
	in := c.Section(0, most)
	page := make([]byte, 256<<10)
	calls, kept := 0, 0
	for {
		got, err := io.ReadFull(in, page[kept:])
		b := bytes.ToLower(page[:kept+got])
		if calls += bytes.Count(b, unescape) + bytes.Count(b, eval); calls > mostCalls {
			return unpack.TooMany("script with more than %d calls of eval and unescape", mostCalls)
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || got == 0 {
			return nil
		}
		// These bytes may be the beginning of a call, and are too few for a whole one.
		kept = copy(page, b[max(0, len(b)-len(eval)+1):])
	}
}
