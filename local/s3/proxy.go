package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"github.com/versity/versitygw/s3err"
)

// proxy hands requests to the gateway as they came: the signature covers Host,
// path, query and headers, and bodies may be in AWS's own chunked encoding.
//
// It reaches the gateway in memory: a socket would take two descriptors for each
// request, and the gateway ends for good when it finds none for its own.
func proxy(gateway *fasthttputil.InmemoryListener, forms bodies) http.Handler {
	transport := &http.Transport{
		DialContext:           func(context.Context, string, string) (net.Conn, error) { return gateway.Dial() },
		DisableCompression:    true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
		ExpectContinueTimeout: 10 * time.Second, // the gateway refuses bad uploads before their body
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "s3"
			r.Out.Host = r.In.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			// After a body in chunks the gateway leaves bytes unread, and would
			// take them for the next request on the connection.
			r.Out.Close = r.In.ContentLength < 0
		},
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler:  unanswered,
		ErrorLog:      slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			// S3 has no PATCH; it is the gateway's own administration.
			http.Error(w, "S3 has no PATCH", http.StatusMethodNotAllowed)
			return
		}
		if r.Header.Get("X-Amz-Content-Sha256") == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" {
			r.Body = &signedTrailer{ReadCloser: r.Body}
		}
		if isForm(r) {
			done, err := forms.rewriteForm(r)
			defer done()
			if err != nil {
				answer, _ := errors.AsType[s3err.S3Error](failure(err)) // it makes one of any
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(answer.StatusCode())
				_, _ = w.Write(answer.XMLBody("", "")) // the client may be gone
				return
			}
		}
		forward.ServeHTTP(asAWS{w}, r)
	})
}

// unanswered is for requests that do not reach the gateway whole. It is S3's answer
// to a client that pauses, and to one that comes when nothing is left to serve it.
func unanswered(w http.ResponseWriter, _ *http.Request, err error) {
	failed := s3err.GetAPIError(s3err.ErrSlowDown)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		failed = s3err.APIError{
			Code:           "RequestTimeout",
			Description:    "Your socket connection to the server was not read from or written to within the timeout period.",
			HTTPStatusCode: http.StatusBadRequest,
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(failed.HTTPStatusCode)
	_, _ = w.Write(failed.XMLBody("", "")) // the client may be gone
}

// withoutEnd is the gateway's handler of requests that it cannot read, but for those
// whose client went before their end: that is no error of the gateway, which would
// print it as one.
func withoutEnd(next func(*fasthttp.RequestCtx, error)) func(*fasthttp.RequestCtx, error) {
	return func(rc *fasthttp.RequestCtx, err error) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			slog.Debug("read request of S3", "error", err)
			return
		}
		next(rc, err)
	}
}

// answers waits for the gateway's first answer. It says that it listens while
// it still looks at globals of the process, os.Stdout among them.
func answers(ctx context.Context, socket string) error {
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
