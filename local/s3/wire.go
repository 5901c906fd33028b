package s3

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// asAWS writes the names of headers as AWS does, each once: the gateway writes its
// request ids twice, and net/http would begin every word with a capital.
type asAWS struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (w asAWS) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader changes the header before it goes out.
func (w asAWS) WriteHeader(status int) {
	h := w.Header()
	for name, values := range h {
		switch {
		case name == "Etag":
			h["ETag"] = values[:1]
		case strings.HasPrefix(name, "X-Amz-"):
			h[strings.ToLower(name)] = values[:1]
		default:
			continue
		}
		delete(h, name)
	}
	w.ResponseWriter.WriteHeader(status)
}

// signedTrailer is a body in signed chunks as the gateway reads it. Some clients
// end the line of the trailing checksum with a line feed of its own, which S3 takes
// and the gateway does not. It goes to the end, where nobody looks, so that the
// length stays.
type signedTrailer struct {
	io.ReadCloser
	held  []byte // what may be a part of the trailer
	ended error
}

// trailerSize is more than checksum and signature have, in bytes.
const trailerSize = 512

func (t *signedTrailer) Read(p []byte) (int, error) {
	for t.ended == nil && len(t.held) <= trailerSize {
		more := make([]byte, 64<<10)
		n, err := t.ReadCloser.Read(more)
		t.held, t.ended = append(t.held, more[:n]...), err
		if err == io.EOF {
			t.held = moveLineFeed(t.held)
		}
	}
	ready := t.held
	if t.ended == nil {
		ready = ready[:len(ready)-trailerSize]
	}
	n := copy(p, ready)
	if t.held = t.held[n:]; len(t.held) == 0 {
		return n, t.ended
	}
	return n, nil
}

func moveLineFeed(end []byte) []byte {
	before, signature, found := bytes.Cut(end, []byte("\n\r\nx-amz-trailer-signature:"))
	if !found {
		return end
	}
	return bytes.Join([][]byte{before, []byte("\r\nx-amz-trailer-signature:"), signature, {'\n'}}, nil)
}
