package lambda

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"time"
)

// maxLine is CloudWatch's limit on one log event, in bytes. A longer line becomes several events.
const maxLine = 256 << 10

// output reads what an environment writes to standard output and standard error, which share a pipe: so their order is
// kept.
type output struct {
	reader  *os.File
	writer  *os.File      // this process writes marks to it
	mark    []byte        // a secret, which no function can write
	flushed chan struct{} // one signal for each mark
	done    chan struct{} // closed when no process has the pipe open
}

func (e *environment) openOutput() error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open log pipe: %w", err)
	}
	e.output = &output{
		reader: reader, writer: writer, mark: []byte(rand.Text()), flushed: make(chan struct{}), done: make(chan struct{}),
	}
	go e.output.read(func(line []byte) {
		if logs := e.function.host.Logs; logs != nil {
			logs(e.function.Name, e.stream, string(line))
		}
	})
	return nil
}

func (o *output) read(emit func(line []byte)) {
	defer close(o.done)
	var pending []byte
	for buffer := make([]byte, 32<<10); ; {
		n, err := o.reader.Read(buffer)
		pending = o.deliver(append(pending, buffer[:n]...), emit)
		if err != nil {
			if len(pending) > 0 {
				emit(pending)
			}
			return
		}
	}
}

// deliver emits the lines that are complete and returns the rest.
func (o *output) deliver(pending []byte, emit func(line []byte)) []byte {
	for {
		line, rest, whole := bytes.Cut(pending, []byte{'\n'})
		head, isMark := bytes.CutSuffix(line, o.mark)
		switch {
		case whole && isMark: // behind a line that may go on
			o.flushed <- struct{}{}
			pending = append(head, rest...)
		case len(line) > maxLine+len(o.mark):
			emit(line[:maxLine])
			pending = pending[maxLine:]
		case whole:
			emit(line)
			pending = rest
		default:
			return pending
		}
	}
}

// flush returns when all lines that were written before are delivered: it writes a mark and waits until that is read.
func (o *output) flush() {
	if _, err := fmt.Fprintf(o.writer, "%s\n", o.mark); err != nil {
		return // the environment has ended, and close has waited for its lines
	}
	select {
	case <-o.flushed:
	case <-o.done:
	}
}

// close returns when no process has the pipe open, or after the limit: a process that left its group may keep it open.
func (o *output) close(limit time.Duration) {
	_ = o.writer.Close()
	select {
	case <-o.done:
	case <-time.After(limit):
	}
	_ = o.reader.Close()
}
