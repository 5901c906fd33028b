package s3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3err"
)

// handler passes requests to the gateway's handler unchanged: the signature covers Host, path, query and headers, and
// bodies may be in AWS's own encoding in chunks.
//
// It calls the handler in place of a connection to the gateway's server. The gateway stops for ever when the process
// has no descriptor left for a connection, and a connection costs as much processor time as a small request.
type handler struct {
	server *fasthttp.Server // configured by the gateway
	forms  bodies
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPatch {
		// S3 has no PATCH; it is the gateway's own administration.
		http.Error(w, "S3 has no PATCH", http.StatusMethodNotAllowed)
		return
	}
	x := newExchange(r)
	if r.Header.Get("X-Amz-Content-Sha256") == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" {
		r.Body = &signedTrailer{ReadCloser: r.Body}
	}
	if isForm(r) {
		done, err := h.forms.rewriteForm(r)
		defer done()
		if err != nil {
			refuse(w, err)
			return
		}
	}
	x.context.Response.Header.SetServer(h.server.Name)
	if err := x.take(r, h.server.ReadBufferSize); err != nil {
		h.server.ErrorHandler(&x.context, err)
	} else {
		h.server.Handler(&x.context)
	}
	if err := x.failed; err != nil {
		_ = x.context.Response.CloseBodyStream() // its file was only read
		refuseUnread(w, err)
		return
	}
	x.answer(w, r.Method == http.MethodHead)
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	answer, _ := errors.AsType[s3err.S3Error](failure(err)) // failure returns no other error
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(answer.StatusCode())
	_, _ = w.Write(answer.XMLBody("", "")) // fails when the client has gone
}

// refuseUnread answers requests whose body could not be read: as S3 does to a client that pauses, and otherwise as to
// one that has to try again.
func refuseUnread(w http.ResponseWriter, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		refuse(w, s3err.APIError{
			Code: "RequestTimeout", HTTPStatusCode: http.StatusBadRequest,
			Description: "Your socket connection to the server was not read from or written to within the " +
				"timeout period.",
		})
		return
	}
	refuse(w, s3err.GetAPIError(s3err.ErrSlowDown))
}

// exchange is a request and its answer in the gateway's types. It is the connection that the gateway sees.
type exchange struct {
	net.Conn // nil: the gateway calls what is below
	context  fasthttp.RequestCtx
	client   io.ReadCloser // the body as it comes from the client
	body     io.Reader     // as the gateway reads it
	expects  bool          // the client waits for "100 Continue", which the first read sends
	begun    bool          // a byte was asked for
	draining bool          // the gateway has its answer, and discards the rest of the body
	failed   error         // of reading the body, before that
}

func newExchange(r *http.Request) *exchange {
	return &exchange{client: r.Body, expects: r.Header.Get("Expect") != ""}
}

// take makes the gateway's request of r. The error is the gateway's server's for a head of more than limit bytes.
func (x *exchange) take(r *http.Request, limit int) error {
	x.body = r.Body
	x.context.Init2(x, quiet{}, true)
	hasBody := r.ContentLength != 0 || r.Method != http.MethodGet && r.Method != http.MethodHead
	text := heads.Get().(*head)
	defer heads.Put(text)
	text.write(r, hasBody)
	if text.reader == nil {
		text.reader = bufio.NewReaderSize(nil, limit)
	}
	text.reader.Reset(&text.Buffer)
	// The gateway reads metadata from the text of the head, which only reading it keeps.
	if err := x.context.Request.Header.Read(text.reader); err != nil {
		return err
	}
	if hasBody {
		x.context.Request.SetBodyStream(struct{ io.Reader }{x}, int(r.ContentLength)) // which the gateway must not close
	}
	return nil
}

// head is the text of a request's head.
type head struct {
	bytes.Buffer
	reader *bufio.Reader
}

var heads = sync.Pool{New: func() any { return new(head) }}

func (h *head) write(r *http.Request, hasBody bool) {
	h.Reset()
	line := func(parts ...string) {
		for _, p := range parts {
			h.WriteString(p)
		}
		h.WriteString("\r\n")
	}
	line(r.Method, " ", r.RequestURI, " HTTP/1.1")
	line("Host: ", r.Host)
	for name, values := range r.Header {
		if ofConnection[name] {
			continue
		}
		for _, value := range values {
			line(name, ": ", value)
		}
	}
	if hasBody && r.ContentLength < 0 {
		line("Transfer-Encoding: chunked")
	} else if hasBody {
		line("Content-Length: ", strconv.FormatInt(r.ContentLength, 10))
	}
	line()
}

// ofConnection has the headers that are about a connection and not about the request.
var ofConnection = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
	"Content-Length": true,
}

// quiet drops what fasthttp logs about a request.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Read reads the body of the request, and keeps the error for which it was not read to its end.
func (x *exchange) Read(p []byte) (int, error) {
	x.begun = true
	n, err := x.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !x.draining {
		x.failed = err
	}
	return n, err
}

// SetReadDeadline is called by the gateway before it discards the rest of a body, so that a client that still sends
// can read the answer. A client that waits for leave to send is given none.
func (x *exchange) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	x.draining = true
	pause := time.Until(t)
	if pause <= 0 || x.expects && !x.begun {
		return os.ErrDeadlineExceeded
	}
	if b, ok := x.client.(interface{ LimitPause(time.Duration) }); ok { // of package guard
		b.LimitPause(pause)
	}
	return nil
}

// LocalAddr and RemoteAddr return the address that events have.
func (x *exchange) LocalAddr() net.Addr  { return loopback }
func (x *exchange) RemoteAddr() net.Addr { return loopback }

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

// awaitAnswer waits for the gateway's first answer. The gateway reports that it listens while it still reads global
// variables of the process, such as os.Stdout.
func awaitAnswer(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("ask for a first answer: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return fmt.Errorf("ask for a first answer: %w", err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return fmt.Errorf("read the first answer: %w", err)
	}
	return nil
}
