package clamav

import (
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// faults are what libclamav prints when it could not keep what it unpacked or
// read what it was to scan, in lower case. It goes on after them and answers
// OK, for mail attachments, PDF streams and HTML, say, when the disk is full.
// Only its own lines count, see complaint; that a hostile file can get one of
// these texts printed costs its uploader a verdict and nothing else.
var faults = []string{
	"an't create temp", "an't generate temp", "failed to create temp", "failed to generate temp",
	"an't write", "annot write", "failed to write", "failed write", "only wrote",
	"write error", "writing error", "error writing", "writen error", "write failed",
	"no space left", "disk quota exceeded", "read-only file system", "input/output error",
	"readn: read error", "pread error", "pread fail", "changed as we read",
}

// complaint reports whether a line says that libclamav could not do its work.
func complaint(line string) bool {
	if !strings.HasPrefix(line, "LibClamAV Error: ") && !strings.HasPrefix(line, "LibClamAV Warning: ") {
		return false
	}
	line = strings.ToLower(line)
	return slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(line, f) })
}

// output reads what clamd prints, so that it never blocks on a full pipe, and
// keeps the last lines for errors and the first fault for ever.
type output struct {
	r    *os.File
	done chan struct{} // closed at the end of the output

	mu    sync.Mutex
	part  string   // the line that has no end yet
	lines []string // the last tailLines
	fault string
	first []string // the first headLines of libclamav's errors and warnings
}

const (
	tailLines = 12
	headLines = 8
	lineMax   = 1 << 10 // longer lines are cut: file names can be in them
	pipeSize  = 64 << 10
)

// watch reads until clamd has closed its end.
func (o *output) watch() {
	defer close(o.done)
	defer o.r.Close()
	conn, err := o.r.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(fd uintptr) bool { // ends with the pipe
		for {
			if n, more := o.take(int(fd)); n <= 0 {
				return !more
			}
		}
	})
}

// sync takes in all that clamd had printed before the call. After a reply this
// shows the fault that led to it, even if watch did not run yet.
func (o *output) sync() {
	conn, err := o.r.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		// More than a pipe holds was printed since: enough was seen.
		for seen := 0; seen <= pipeSize; {
			n, _ := o.take(int(fd))
			if n <= 0 {
				return
			}
			seen += n
		}
	})
}

// take reads once, without blocking, and keeps reading and keeping in one
// order under the lock. more is false at the end of the output.
func (o *output) take(fd int) (n int, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var buf [8 << 10]byte
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err == unix.EAGAIN
		default:
			o.keep(string(buf[:n]))
			return n, n > 0
		}
	}
}

func (o *output) keep(text string) {
	for {
		line, rest, ended := strings.Cut(text, "\n")
		o.part += line
		if !ended {
			if len(o.part) > lineMax {
				o.part = o.part[:lineMax]
			}
			return
		}
		o.line(o.part[:min(len(o.part), lineMax)])
		o.part, text = "", rest
	}
}

func (o *output) line(line string) {
	o.lines = append(o.lines, line)
	if len(o.lines) > tailLines {
		o.lines = append(o.lines[:0], o.lines[1:]...)
	}
	if len(o.first) < headLines && (strings.HasPrefix(line, "LibClamAV Error: ") || strings.HasPrefix(line, "LibClamAV Warning: ")) {
		o.first = append(o.first, line)
	}
	if o.fault == "" && complaint(line) {
		o.fault = line
	}
}

// faulty returns the first line that makes the engine worthless, or "".
func (o *output) faulty() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fault
}

// tail returns the last lines, for an error.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "; ")
}

// complaints returns the first of libclamav's errors and warnings.
func (o *output) complaints() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.first)
}
