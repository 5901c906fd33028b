package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serve serves a handler behind a gate and returns how to connect to it.
func serve(t *testing.T, pause time.Duration, handler http.HandlerFunc) (connect func() net.Conn, listener *Listener) {
	t.Helper()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := tcp.Addr().String()
	listener = &Listener{Peers: &Peers{TCPListener: tcp}, Pause: pause}
	gate := Gate{Hosts: []string{"stage.test"}, Pause: pause}
	gate.Refuse = func(w http.ResponseWriter, _ *http.Request, why string) { http.Error(w, why, http.StatusForbidden) }
	server := &http.Server{Handler: gate.Handler(handler), ReadHeaderTimeout: 5 * pause}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}, listener
}

const long = "PUT / HTTP/1.1\r\nHost: stage.test\r\nContent-Length: 100\r\n\r\n"

// A client that sends nothing more is left, whoever waits for its body, and one
// that sends slowly is not.
func TestPausesOfUploads(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	reads := func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	}
	t.Run("a handler that reads", func(t *testing.T) {
		connect, _ := serve(t, 100*time.Millisecond, reads)
		c := connect()
		_, _ = io.WriteString(c, long+"part")
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the handler's read: %v, want %v", err, os.ErrDeadlineExceeded)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("the connection was not closed: %v", err)
		}
	})
	t.Run("a handler that does not read", func(t *testing.T) {
		connect, _ := serve(t, 100*time.Millisecond, func(http.ResponseWriter, *http.Request) {})
		c := connect()
		_, _ = io.WriteString(c, long+"part")
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("the connection was not closed: %v", err)
		}
	})
	t.Run("a request that is refused", func(t *testing.T) {
		connect, _ := serve(t, time.Hour, reads)
		c := connect()
		_, _ = io.WriteString(c, strings.Replace(long, "stage", "evil", 1)+"part")
		if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 403")) {
			t.Errorf("the answer is %q, %v", answer, err)
		}
	})
	t.Run("a header that does not end", func(t *testing.T) {
		connect, _ := serve(t, 100*time.Millisecond, reads)
		c := connect()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: stage.test\r\n")
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("the connection was not closed: %v", err)
		}
	})
	t.Run("a slow client", func(t *testing.T) {
		connect, _ := serve(t, 2*time.Second, reads)
		c := connect()
		_, _ = io.WriteString(c, long)
		for range 100 {
			time.Sleep(25 * time.Millisecond)
			_, _ = io.WriteString(c, "x")
		}
		if err := <-read; err != nil {
			t.Errorf("the handler's read: %v", err)
		}
	})
}

// An answer may be awaited as long as it takes, after any body.
func TestPauseBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	connect, _ := serve(t, 50*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			t.Errorf("%s: the request was ended", r.Method)
		case <-time.After(300 * time.Millisecond):
		}
	})
	c := connect()
	for _, request := range []string{"GET / HTTP/1.1\r\nHost: stage.test\r\n\r\n", long + strings.Repeat("x", 100)} {
		_, _ = io.WriteString(c, request)
		answer := make([]byte, 1024)
		if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
			t.Errorf("the answer is %q, %v", answer[:n], err)
		}
	}
}

// A client that takes nothing of a large answer is left, and one that takes it slowly is not.
func TestPausesOfDownloads(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, send := range map[string]func(w http.ResponseWriter) error{
		"from memory": func(w http.ResponseWriter) error { _, err := w.Write(content); return err },
		"from a file": func(w http.ResponseWriter) error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, io.LimitReader(f, size))
			return err
		},
	} {
		written := make(chan error, 1)
		handler := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			written <- send(w)
		}
		t.Run(name+", nothing taken", func(t *testing.T) {
			connect, _ := serve(t, 100*time.Millisecond, handler)
			_, _ = io.WriteString(connect(), "GET / HTTP/1.1\r\nHost: stage.test\r\n\r\n")
			if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the handler's write: %v, want %v", err, os.ErrDeadlineExceeded)
			}
		})
		t.Run(name+", slowly taken", func(t *testing.T) {
			// On a busy machine the client itself was seen to pause for more than two seconds.
			connect, _ := serve(t, 5*time.Second, handler)
			c := connect()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: stage.test\r\nConnection: close\r\n\r\n")
			// Under the race detector a buffer that grows takes seconds.
			got := bytes.NewBuffer(make([]byte, 0, 2*size))
			for range 20 { // longer than the pause, in all
				time.Sleep(300 * time.Millisecond)
				if _, err := io.CopyN(got, c, 1<<20); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.Copy(got, c); err != nil {
				t.Fatal(err)
			}
			if err := <-written; err != nil {
				t.Errorf("the handler's write: %v, want none", err)
			}
			if _, body, _ := bytes.Cut(got.Bytes(), []byte("\r\n\r\n")); !bytes.Equal(body, content) {
				t.Errorf("the client got %d bytes, want the %d that were sent", len(body), len(content))
			}
		})
	}
}

// With few descriptors one connection is served at a time, and more of them once
// there are more; the listener never ends. It lowers the limit of the process, so
// that no other test may run meanwhile.
func TestFewDescriptors(t *testing.T) {
	connect, listener := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "served") })
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var clients []net.Conn
	for range 50 {
		clients = append(clients, connect())
	}
	few := limit
	few.Cur = 80 // of which 20 are kept: fewer are free than the clients would take
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) })
	request := func(c net.Conn) {
		t.Helper()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: stage.test\r\nConnection: close\r\n\r\n")
		if answer, err := io.ReadAll(c); err != nil || !bytes.HasSuffix(answer, []byte("served")) {
			t.Errorf("the answer is %q, %v", answer, err)
		}
	}
	for _, c := range clients {
		request(c)
		if open := listener.open.Load(); open > 50 {
			t.Errorf("%d connections are open", open)
		}
		_ = c.Close()
	}
	request(connect())
}
