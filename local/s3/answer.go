package s3

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

// answer sends the gateway's answer. When a body ends early it cuts the connection, so that the client does not take
// what it has for the whole.
func (x *exchange) answer(w http.ResponseWriter, head bool) {
	response := &x.context.Response
	status, body := response.StatusCode(), response.BodyStream()
	var text []byte
	if body == nil {
		text = response.Body()
	}
	size := len(text)
	if body != nil || head && size == 0 {
		size = response.Header.ContentLength()
	}
	x.copyHeader(w.Header(), size)
	hasBody := status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified
	if hasBody && size >= 0 {
		w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
	}
	w.WriteHeader(status)
	var err error
	switch {
	case head || !hasBody:
	case body == nil:
		_, _ = w.Write(text) // fails when the client has gone
	default:
		err = sendBody(w, body, int64(size))
	}
	if err = errors.Join(err, response.CloseBodyStream()); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// copyHeader copies the headers of an answer whose body has this size, with the names that AWS writes, where net/http
// would begin every word with a capital letter. The gateway writes its request ids twice; they are copied once.
func (x *exchange) copyHeader(to http.Header, size int) {
	header := &x.context.Response.Header
	header.SetNoDefaultContentType(true)
	for k, v := range header.All() {
		name, value := http.CanonicalHeaderKey(string(k)), string(v)
		switch {
		case ofConnection[name]:
			continue
		case name == "Etag":
			name = "ETag"
		case strings.HasPrefix(name, "X-Amz-"):
			name = strings.ToLower(name)
		default:
			to[name] = append(to[name], value)
			continue
		}
		if _, twice := to[name]; !twice {
			to[name] = []string{value}
		}
	}
	if to["Content-Type"] == nil && size != 0 {
		to["Content-Type"] = []string{"text/plain; charset=utf-8"} // otherwise net/http would guess
	}
}

// section is a part of a body's file. Sending it needs no copy in this process.
type section struct {
	io.LimitedReader
	file *os.File
}

func newSection(f *os.File, start, length int64) (*section, error) {
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &section{io.LimitedReader{R: f, N: length}, f}, nil
}

// Close closes the file.
func (s *section) Close() error { return s.file.Close() }

// smallBody is the size up to which a body is read first, so that it is sent with the headers.
const smallBody = 32 << 10

var smallBodies = sync.Pool{New: func() any { return new([smallBody]byte) }}

// sendBody sends the bytes of a stream, which are as many as size says unless that is negative. It returns no error
// when the client has gone.
func sendBody(w http.ResponseWriter, from io.Reader, size int64) error {
	if size >= 0 && size <= smallBody {
		buffer := smallBodies.Get().(*[smallBody]byte)
		defer smallBodies.Put(buffer)
		if _, err := io.ReadFull(from, buffer[:size]); err != nil {
			return err
		}
		_, _ = w.Write(buffer[:size])
		return nil
	}
	if s, ok := from.(*section); ok {
		from = &s.LimitedReader // the type for which io.Copy has the kernel send a file
	}
	sent, err := io.Copy(w, from)
	if err == nil && size >= 0 && sent < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
