package lambda

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxLine is CloudWatch's limit on one log event, in bytes; a longer line comes
// in pieces.
const maxLine = 256 << 10

// output reads what an environment writes. A goroutine follows the pipe, and
// the end of an invocation reads what is left in it, so that all lines of an
// invocation are delivered before its result.
type output struct {
	file *os.File
	raw  syscall.RawConn
	emit func(line string)
	done chan struct{}

	mu      sync.Mutex
	buffer  [32 << 10]byte
	partial []byte
}

// openOutput creates the environment's output and returns the end of the pipe
// that the process writes to. Both of its streams share it, which keeps their
// order.
func (e *environment) openOutput() (writer *os.File, err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open log pipe: %w", err)
	}
	raw, err := reader.SyscallConn()
	if err != nil {
		reader.Close()
		writer.Close()
		return nil, fmt.Errorf("open log pipe: %w", err)
	}
	o := &output{file: reader, raw: raw, done: make(chan struct{}), emit: func(string) {}}
	if logs := e.function.host.Logs; logs != nil {
		o.emit = func(line string) { logs(e.function.Name, e.stream, line) }
	}
	go func() {
		defer close(o.done)
		// The error is that of a closed file: the same end.
		_ = raw.Read(func(fd uintptr) (ended bool) {
			for more := true; more && !ended; {
				more, ended = o.read(int(fd))
			}
			return ended
		})
	}()
	e.output = o
	return writer, nil
}

// read takes one buffer from the pipe, which does not block. There may be more
// to read when it was not empty; it has ended when no writer is left.
func (o *output) read(fd int) (more, ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := unix.Read(fd, o.buffer[:])
	switch {
	case n > 0:
		o.take(o.buffer[:n])
		return true, false
	case err == unix.EINTR:
		return true, false
	case err == unix.EAGAIN:
		return false, false
	}
	if len(o.partial) > 0 {
		o.line()
	}
	return false, true
}

func (o *output) take(data []byte) {
	for len(data) > 0 {
		head, rest, whole := bytes.Cut(data, []byte{'\n'})
		o.partial = append(o.partial, head...)
		if whole || len(o.partial) >= maxLine {
			o.line()
		}
		data = rest
	}
}

func (o *output) line() {
	o.emit(string(o.partial))
	o.partial = o.partial[:0]
}

// flush delivers what has been written so far. The number of reads is bounded
// because a process that is not frozen may go on writing.
func (o *output) flush() {
	_ = o.raw.Control(func(fd uintptr) {
		more := true
		for n := 0; more && n < 64; n++ {
			more, _ = o.read(int(fd))
		}
	}) // a closed file: the reading goroutine has had it all
}

// wait returns when all writers have closed the pipe. A daemon that left the
// group may hold it for ever, hence the limit.
func (o *output) wait(limit time.Duration) {
	select {
	case <-o.done:
	case <-time.After(limit):
	}
}
