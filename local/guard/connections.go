package guard

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pause is how long a client may send nothing of a body, or receive nothing of an answer. S3 has the same limit:
	// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeout).
	pause = 20 * time.Second
	// maxConnections is far more than the clients and functions of one machine use.
	maxConnections = 1024
	// reserved is the number of files that the process must still be able to open when it accepts a connection, because
	// services and the starts of functions need them. It is a quarter of all files when those are fewer than 512.
	reserved = 128
)

// limitPauses limits each pause in a request's body. It does not limit the time of a request, because large uploads
// take long. For a body that no handler reads, the server waits for one pause.
func limitPauses(w http.ResponseWriter, r *http.Request, pause time.Duration) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	b := &body{r.Body, http.NewResponseController(w), pause}
	b.limit(time.Now().Add(pause))
	r.Body = b
}

type body struct {
	io.ReadCloser
	control *http.ResponseController
	pause   time.Duration
}

// LimitPause changes how long the client may send nothing, for a handler that has its answer already.
func (b *body) LimitPause(pause time.Duration) { b.pause = min(pause, b.pause) }

func (b *body) limit(t time.Time) { _ = b.control.SetReadDeadline(t) } // fails when the connection is closed

func (b *body) Read(p []byte) (int, error) {
	b.limit(time.Now().Add(b.pause))
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.limit(time.Time{}) // no limit for the answer: the server notices when the connection is closed
	}
	return n, err
}

// Listener limits the number of open connections, also by the number of files that the process can still open. Other
// connections wait in the kernel's queue.
type Listener struct {
	*Peers
	Pause time.Duration // how long a client may receive nothing of an answer; 20 s when zero
	open  atomic.Int64
}

// Accept waits until there is room. It always accepts one connection.
func (l *Listener) Accept() (net.Conn, error) {
	for l.open.Load() > 0 && (l.open.Load() >= maxConnections || !canOpenFiles()) {
		time.Sleep(5 * time.Millisecond)
	}
	c, err := l.accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	closed := sync.OnceFunc(func() { l.open.Add(-1) })
	return &conn{peer: c, pause: cmp.Or(l.Pause, pause), closed: closed}, nil
}

type conn struct {
	*peer
	pause  time.Duration
	closed func()
}

func (c *conn) Close() error {
	defer c.closed()
	return c.TCPConn.Close()
}

// Write limits each pause of a client that receives.
func (c *conn) Write(p []byte) (written int, err error) {
	for {
		part := p[written:min(len(p), written+partSize)]
		if err := c.SetWriteDeadline(time.Now().Add(c.pause)); err != nil {
			return written, err
		}
		n, err := c.TCPConn.Write(part)
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// partSize is how many bytes of an answer a client has the time of a pause for.
const partSize = 64 << 10

// ReadFrom has the kernel send what is in a file, with the limits of Write.
func (c *conn) ReadFrom(from io.Reader) (sent int64, err error) {
	whole, ok := from.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: from, N: math.MaxInt64}
	}
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.pause)); err != nil {
			return sent, err
		}
		part := &io.LimitedReader{R: whole.R, N: min(partSize, whole.N)}
		n, err := c.TCPConn.ReadFrom(part)
		sent, whole.N = sent+n, whole.N-n
		if err != nil || n < partSize {
			return sent, err
		}
	}
}

// canOpenFiles reports whether the process can open enough files. Its limit may change while it runs.
func canOpenFiles() bool {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return true
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return !errors.Is(err, unix.EMFILE)
	}
	return uint64(len(open))+min(reserved, limit.Cur/4) <= limit.Cur
}
