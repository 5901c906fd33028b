package coverage

import (
	"bufio"
	"compress/zlib"
	"io"
)

// isZlib recognises a zlib stream (RFC 1950, 2.2) that is all of a file, by its
// two bytes, of which chance makes one file in a hundred and thirty begin with some.
func isZlib(_ node, head []byte) bool {
	return len(head) > 8 && head[0]&0x8f == 8 && head[1]&0x20 == 0 && (uint(head[0])<<8|uint(head[1]))%31 == 0
}

// walkZlib shows what zlib unpacks; a file that it does not is something else.
func walkZlib(w *walk, n node) error {
	_, err := streamAt("zlib", 2, nil, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) })(w, n, "whole", 0)
	return err
}

func isCompressedFlash(_ node, head []byte) bool {
	return len(head) > 10 && string(head[:3]) == "CWS" && head[8] == 0x78
}

// walkFlash takes what a Flash film holds. The engine unpacks it, and opens
// nothing in it.
func walkFlash(w *walk, n node) error {
	z, err := zlib.NewReader(bufio.NewReader(n.at(8, n.size)))
	if err != nil {
		return damaged("%v", err)
	}
	return w.stream(n, "film", &forgiving{r: z, forgive: true}, true)
}
