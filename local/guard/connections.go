package guard

import (
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pause is how long a client may send nothing of a body, or take nothing of an
	// answer. S3 has the same limit:
	// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeout).
	pause = 20 * time.Second
	// maxConnections is far more than clients and functions of one machine use.
	maxConnections = 1024
	// keptFromClients is how many files the process may still open when it takes
	// another connection: services answer with them, and functions are started with
	// them. Where it may have fewer than 512, it is a quarter of all.
	keptFromClients = 128
)

// limitPauses bounds each pause in the request's body, not its whole time: a large
// upload may take as long as it moves. A body that no handler reads is waited for
// once.
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

func (b *body) limit(t time.Time) { _ = b.control.SetReadDeadline(t) } // a connection that is closed has no use for it

func (b *body) Read(p []byte) (int, error) {
	b.limit(time.Now().Add(b.pause))
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.limit(time.Time{}) // the answer may take its time: the server watches the connection meanwhile
	}
	return n, err
}

// Listener bounds how many connections are open, by number and by what the process
// may still open. Others wait in the kernel's queue.
type Listener struct {
	*Peers
	Pause time.Duration // how long a client may take nothing of an answer; 20 s when zero
	open  atomic.Int64
}

// Accept waits until there is room. One connection is always let in.
func (l *Listener) Accept() (net.Conn, error) {
	for l.open.Load() > 0 && (l.open.Load() >= maxConnections || !room()) {
		time.Sleep(5 * time.Millisecond)
	}
	c, err := l.accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &conn{peer: c, pause: cmp.Or(l.Pause, pause), left: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type conn struct {
	*peer
	pause time.Duration
	left  func()
}

func (c *conn) Close() error {
	defer c.left()
	return c.TCPConn.Close()
}

// Write bounds each pause of a client that reads: the time is for 64 KiB.
func (c *conn) Write(p []byte) (written int, err error) {
	for {
		part := p[written:min(len(p), written+64<<10)]
		if err := c.SetWriteDeadline(time.Now().Add(c.pause)); err != nil {
			return written, err
		}
		n, err := c.TCPConn.Write(part)
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// room reports whether the process may open files enough. Its limit may change while
// it runs.
func room() bool {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return true
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return !errors.Is(err, unix.EMFILE) // there is no such folder elsewhere than on Linux
	}
	return uint64(len(open))+min(keptFromClients, limit.Cur/4) <= limit.Cur
}
