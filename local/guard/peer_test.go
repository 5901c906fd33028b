package guard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const stranger = 54_321

// as makes sockets of that user's, as they are when a process of his makes them. Its
// own user anybody may be; to be another one takes root, which CI is.
func as(t *testing.T, uid int) net.Dialer {
	t.Helper()
	if uid != os.Geteuid() && os.Geteuid() != 0 {
		t.Skip("makes a socket of another user's, which needs root; CI is root")
	}
	return net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return c.Control(func(fd uintptr) {
			if err := unix.Fchown(int(fd), uid, -1); err != nil {
				t.Error(err)
			}
		})
	}}
}

// peers serves who the caller is to itself alone.
func peers(t *testing.T) (address string) {
	t.Helper()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ConnContext: ConnContext,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			uid, known := Peer(r.Context())
			fmt.Fprintf(w, "served %d %t", uid, known)
		}),
	}
	go func() {
		_ = server.Serve(&Listener{Peers: &Peers{
			TCPListener: tcp,
			Admit:       func(uid uint32) bool { return int(uid) == os.Geteuid() },
			Why:         func(uid uint32) string { return fmt.Sprintf("user %d, use a flag", uid) },
		}})
	}()
	t.Cleanup(func() { _ = server.Close() })
	return tcp.Addr().String()
}

// mapped connects by a socket of IPv6, to an address of IPv4 in it.
func mapped(uid, port int) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "client")
	defer f.Close()
	to := &unix.SockaddrInet6{Port: port, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	if err := errors.Join(unix.Fchown(fd, uid, -1), unix.Connect(fd, to)); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

// ask sends a request over a connection and returns all that comes.
func ask(t *testing.T, c net.Conn, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(c)
	return string(answer)
}

func TestPeers(t *testing.T) {
	t.Parallel()
	address := peers(t)
	for uid, want := range map[int]string{
		os.Geteuid(): fmt.Sprintf("served %d true", os.Geteuid()), stranger: "user 54321, use a flag",
	} {
		d := as(t, uid)
		elsewhere := d
		elsewhere.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 9, 9, 9)}
		for name, connect := range map[string]func() (net.Conn, error){
			"by IPv4":              func() (net.Conn, error) { return d.Dial("tcp", address) },
			"from another address": func() (net.Conn, error) { return elsewhere.Dial("tcp", address) },
			"by a socket of IPv6":  func() (net.Conn, error) { return mapped(uid, int(netip.MustParseAddrPort(address).Port())) },
		} {
			c, err := connect()
			got := ask(t, c, err)
			if !strings.Contains(got, want) || strings.HasPrefix(got, "HTTP/1.1 200") != (uid != stranger) {
				t.Errorf("user %d %s: the answer is %q, want %q", uid, name, got, want)
			}
		}
	}
}

// A socket that is closed belongs to user 0, or to whoever listens at its address by
// then. Nobody gets in by that: neither does what was sent before count.
func TestPeersThatClosed(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn){
		"closed":          func(c *net.TCPConn) { _ = c.Close() },
		"reset":           func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
		"closed halfways": func(c *net.TCPConn) { _ = c.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			asked := []uint32{}
			p := &Peers{TCPListener: tcp, Admit: func(uid uint32) bool { asked = append(asked, uid); return true }}
			dial := func(uid int) *net.TCPConn {
				d := as(t, uid)
				c, err := d.Dial("tcp", tcp.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				return c.(*net.TCPConn)
			}
			first := dial(stranger)
			_, _ = io.WriteString(first, "GET / HTTP/1.1\r\nHost: any\r\n\r\n")
			at := first.LocalAddr().String()
			end(first)
			if other, err := net.Listen("tcp", at); err == nil { // of this user, where the stranger was
				defer other.Close()
			}
			second := dial(os.Geteuid())
			c, err := p.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if c.RemoteAddr().String() != second.LocalAddr().String() || len(asked) != 1 ||
				int(asked[0]) != os.Geteuid() {
				t.Errorf(
					"%s was let in, after asking about %d; want %s of user %d",
					c.RemoteAddr(),
					asked,
					second.LocalAddr(),
					os.Geteuid(),
				)
			}
		})
	}
}

// Any number of strangers takes no place of a client's.
func TestManyStrangers(t *testing.T) {
	t.Parallel()
	address := peers(t)
	d := as(t, stranger)
	for range 100 {
		c, err := d.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	c, err := net.Dial("tcp", address)
	if got := ask(t, c, err); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("the answer is %q", got)
	}
}

func TestCheckPeers(t *testing.T) {
	t.Parallel()
	if err := CheckPeers(); err != nil {
		t.Error(err)
	}
}

func BenchmarkOwner(b *testing.B) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	c, err := l.AcceptTCP()
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if _, err := owner(c); err != nil {
			b.Fatal(err)
		}
	}
}
