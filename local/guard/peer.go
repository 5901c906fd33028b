package guard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Peers accepts connections of certain users of this machine. The kernel tells which user made the socket at the other
// end, which no process can change later.
type Peers struct {
	*net.TCPListener
	// Admit reports whether a user may connect. When it is nil every user may, and Peer knows none.
	Admit func(uid uint32) bool
	// Why returns what a refused user is told.
	Why func(uid uint32) string

	refusing atomic.Int64
}

const (
	// refusalTime is how long a refused user has to send a request and read the answer.
	refusalTime = 2 * time.Second
	// maxRefusals is how many refused users can do so at a time; more are disconnected.
	maxRefusals = 16
)

// Accept returns the next connection of a user who may connect. It does not read what others send.
func (p *Peers) Accept() (net.Conn, error) { return p.accept() }

func (p *Peers) accept() (*peer, error) {
	for {
		c, err := p.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if p.Admit == nil {
			return &peer{TCPConn: c}, nil
		}
		uid, err := owner(c)
		switch {
		case err != nil:
			p.refuse(c, fmt.Sprintf("The kernel does not tell whose connection this is: %v.", err))
		case !p.Admit(uid):
			p.refuse(c, p.Why(uid))
		default:
			return &peer{c, &uid}, nil
		}
	}
}

// refuse answers a request with 403, and closes the connection.
func (p *Peers) refuse(c *net.TCPConn, why string) {
	if p.refusing.Add(1) > maxRefusals {
		p.refusing.Add(-1)
		_ = c.Close()
		return
	}
	go func() {
		defer p.refusing.Add(-1)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(refusalTime))
		// Some clients ignore an answer that comes before their request.
		if _, err := c.Read(make([]byte, 4<<10)); err != nil {
			return
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"+
			"Content-Length: %d\r\nConnection: close\r\n\r\n%s\n", len(why)+1, why)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c) // closing with unread bytes would reset the connection
	}()
}

type peer struct {
	*net.TCPConn
	uid *uint32 // nil when the kernel was not asked
}

type peerKey struct{}

// ConnContext is for http.Server, so that Peer knows the user of a request.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *peer:
		return context.WithValue(ctx, peerKey{}, c.uid)
	case *conn:
		return context.WithValue(ctx, peerKey{}, c.uid)
	}
	return ctx
}

// Peer returns the user at the other end of a request's connection.
func Peer(ctx context.Context) (uid uint32, known bool) {
	if p, _ := ctx.Value(peerKey{}).(*uint32); p != nil {
		return *p, true
	}
	return 0, false
}

// CheckPeers returns why users cannot be told apart on this machine, for example because the kernel has no INET_DIAG or
// a container refuses the question. It asks for a socket that cannot exist, so that no other process affects the
// answer.
func CheckPeers() error {
	nowhere := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if _, err := diagnose(nowhere, nowhere); !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("ask the kernel for a socket: %w", err)
	}
	return nil
}

// Definitions of linux/inet_diag.h and linux/sock_diag.h that x/sys/unix lacks.
const sockDiagByFamily = 20

type socketID struct { // struct inet_diag_sockid; ports are big endian
	SourcePort, DestinationPort [2]byte
	Source, Destination         [16]byte
	Interface                   uint32
	Cookie                      [2]uint32
}

type socketRequest struct { // struct nlmsghdr with struct inet_diag_req_v2
	Header                          unix.NlMsghdr
	Family, Protocol, Extensions, _ uint8
	States                          uint32
	ID                              socketID
}

type socketAnswer struct { // struct nlmsghdr with struct inet_diag_msg
	Header                        unix.NlMsghdr
	Family, State, Timer, Retrans uint8
	ID                            socketID
	_, _, _                       uint32 // Expires, RQueue, WQueue
	UID, Inode                    uint32
}

const established = 1 // TCP_ESTABLISHED

var errClosed = errors.New("it is closed")

// owner returns the user, in this process's user namespace, who made the socket at the other end of a connection. For a
// socket that was closed since, the kernel answers user 0, so that is an error. No other socket can have its address
// while this end is open.
func owner(c *net.TCPConn) (uint32, error) {
	ours, theirs := c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
	answer, err := diagnose(theirs, ours)
	if errors.Is(err, unix.ENOENT) {
		return 0, errClosed
	}
	if err != nil {
		return 0, err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var state *unix.TCPInfo
	controlErr := raw.Control(func(fd uintptr) {
		state, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err = errors.Join(controlErr, err); err != nil {
		return 0, err
	}
	// When there is no such connection, the kernel answers with a socket that listens.
	if answer.ID.DestinationPort != bigEndian(ours.Port()) || answer.State != established || answer.Inode == 0 ||
		state.State != established {
		return 0, errClosed
	}
	return answer.UID, nil
}

// diagnose asks the kernel for a socket by its addresses, see sock_diag(7).
func diagnose(local, remote netip.AddrPort) (a socketAnswer, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return a, err
	}
	defer unix.Close(fd)
	r := socketRequest{Family: unix.AF_INET, Protocol: unix.IPPROTO_TCP, States: ^uint32(0)}
	r.Header = unix.NlMsghdr{Len: uint32(binary.Size(r)), Type: sockDiagByFamily, Flags: unix.NLM_F_REQUEST}
	r.ID = socketID{
		SourcePort: bigEndian(local.Port()), DestinationPort: bigEndian(remote.Port()),
		Cookie: [2]uint32{^uint32(0), ^uint32(0)},
	}
	if !local.Addr().Unmap().Is4() || !remote.Addr().Unmap().Is4() {
		return a, fmt.Errorf("%s and %s are not addresses of IPv4", local, remote)
	}
	copy(r.ID.Source[:], local.Addr().Unmap().AsSlice())
	copy(r.ID.Destination[:], remote.Addr().Unmap().AsSlice())
	request, err := binary.Append(nil, binary.NativeEndian, r)
	if err != nil {
		return a, err
	}
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return a, err
	}
	buffer := make([]byte, 8<<10)
	n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT) // the kernel has answered already
	if err != nil {
		return a, err
	}
	if n >= unix.NLMSG_HDRLEN+4 && binary.NativeEndian.Uint16(buffer[4:]) == unix.NLMSG_ERROR {
		return a, unix.Errno(-int32(binary.NativeEndian.Uint32(buffer[unix.NLMSG_HDRLEN:])))
	}
	if _, err := binary.Decode(buffer[:n], binary.NativeEndian, &a); err != nil || a.Header.Type != sockDiagByFamily {
		return a, fmt.Errorf("the kernel answers %d bytes of type %d", n, a.Header.Type)
	}
	return a, nil
}

func bigEndian(port uint16) (b [2]byte) {
	binary.BigEndian.PutUint16(b[:], port)
	return b
}
