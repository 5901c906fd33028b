package coverage

import (
	"bytes"
	"regexp"
	"strconv"
)

// walkPDF looks whether a PDF is all there. The engine opens its streams; a
// PDF says at its end where its cross-reference table stands (ISO 32000-1,
// 7.5.5), so that one that was cut off has no end.
func walkPDF(w *walk, n node) error {
	if err := w.settle(n, walkPDFStreams(w, n)); err != nil {
		return err
	}
	// Readers look in the last kilobyte, some in more; old versions' ends stand
	// further up in a file that was added to.
	const tailSize = 4 << 10
	head := make([]byte, min(n.size, 2<<10))
	if err := n.read(head, 0); err != nil {
		return err
	}
	// A linearized PDF has an end near its beginning too, and its length.
	if m := linearized.FindSubmatch(head); m != nil {
		if length, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil && length > n.size {
			return damaged("PDF of %d bytes, %d announced", n.size, length)
		}
	}
	tail := make([]byte, min(n.size, tailSize))
	if err := n.read(tail, n.size-int64(len(tail))); err != nil {
		return err
	}
	if !bytes.Contains(tail, []byte("startxref")) && !bytes.Contains(tail, []byte("%%EOF")) {
		return damaged("PDF without its end")
	}
	return nil
}

// isLatePDF recognises a PDF with something in front of its first line, which
// readers skip (Adobe's up to a kilobyte), and text that only speaks of PDFs.
func isLatePDF(_ node, head []byte) bool { return bytes.Contains(head, []byte("%PDF-")) }

func walkLatePDF(w *walk, n node) error { return walkPDFStreams(w, n) }

var linearized = regexp.MustCompile(`/Linearized\s[^>]{0,200}/L\s+([0-9]{1,15})\b`)
