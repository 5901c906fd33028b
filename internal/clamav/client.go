package clamav

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// client speaks clamd's protocol, with one connection for each command: sessions have no advantage
// with a local socket, and answer out of order. See COMMANDS in clamd(8).
type client struct {
	home *os.File // the folder with clamd's socket, named "s"
}

// ask sends one command, with the descriptor of f if f is not nil, and returns all that clamd sends
// until it closes the connection. If ctx ends, the error is its cause.
func (c client) ask(ctx context.Context, command string, f *os.File) ([]byte, error) {
	conn, err := c.dial()
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("connect: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	raw, err := exchange(conn, command, f)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", command, context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return raw, nil
}

// dial connects through the descriptor of the folder. The address is short, however deep the folder is
// (an address has 108 bytes at most), and the socket is that of this engine, also if the folder was
// replaced. Control keeps the descriptor open meanwhile.
//
// It takes no context, because connecting to a local socket never waits. A Dialer with a context also
// fails when the deadline has passed and the context has not ended yet, and callers would take that for
// a fault of clamd.
func (c client) dial() (*net.UnixConn, error) {
	raw, err := c.home.SyscallConn()
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	var dialed error
	if err := raw.Control(func(fd uintptr) {
		conn, dialed = net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/s", fd))
	}); err != nil {
		return nil, err
	}
	if dialed != nil {
		return nil, dialed
	}
	return conn.(*net.UnixConn), nil
}

// exchange sends one command and reads the reply.
func exchange(conn *net.UnixConn, command string, f *os.File) ([]byte, error) {
	if _, err := conn.Write([]byte("z" + command + "\x00")); err != nil {
		return nil, fmt.Errorf("send command: %w", err)
	}
	if f != nil {
		if err := sendDescriptor(conn, f); err != nil {
			return nil, fmt.Errorf("send descriptor: %w", err)
		}
	}
	raw, err := io.ReadAll(io.LimitReader(conn, maxReplies+1))
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	return raw, nil
}

// sendDescriptor sends the descriptor of f with one byte of data, which ancillary data needs. Control
// keeps f open meanwhile; Fd would make it blocking.
func sendDescriptor(conn *net.UnixConn, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		_, _, sent = conn.WriteMsgUnix([]byte{0}, unix.UnixRights(int(fd)), nil)
	})
	if err != nil {
		return err
	}
	return sent
}
