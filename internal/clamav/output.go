package clamav

import (
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// faultTexts are texts, in lower case, that libclamav prints when it could not write what it unpacked
// or read what it was to scan. It goes on afterwards and answers OK, for example for mail attachments,
// PDF streams and HTML if the disk is full. Only lines of libclamav count, see isFault. An uploader
// who gets one of these texts printed only loses the verdict.
var faultTexts = []string{
	"an't create temp", "an't generate temp", "failed to create temp", "failed to generate temp",
	"an't write", "annot write", "failed to write", "failed write", "only wrote",
	"write error", "writing error", "error writing", "writen error", "write failed",
	"no space left", "disk quota exceeded", "read-only file system", "input/output error",
	"readn: read error", "pread error", "pread fail", "changed as we read",
}

// isFault reports whether a line says that libclamav could not do its work.
func isFault(line string) bool {
	if !fromLibrary(line) {
		return false
	}
	line = strings.ToLower(line)
	return slices.ContainsFunc(faultTexts, func(f string) bool { return strings.Contains(line, f) })
}

// fromLibrary reports whether a line is an error or a warning of libclamav.
func fromLibrary(line string) bool {
	return strings.HasPrefix(line, "LibClamAV Error: ") || strings.HasPrefix(line, "LibClamAV Warning: ")
}

// output reads what clamd prints, so that clamd is never blocked by a full pipe. It keeps the last
// lines for errors, and the first fault.
type output struct {
	r    *os.File
	done chan struct{} // closed at the end of the output

	mu    sync.Mutex
	part  string   // of a line that has no end yet
	lines []string // the last tailLines
	fault string   // the first line that is a fault, or ""
	first []string // the first headLines of libclamav's errors and warnings
}

const (
	tailLines = 12
	headLines = 8
	lineMax   = 1 << 10  // bytes; longer lines, which may have file names, are cut
	pipeSize  = 64 << 10 // bytes, the default of Linux
)

// readAll reads until clamd closes its end of the pipe.
func (o *output) readAll() {
	defer close(o.done)
	defer o.r.Close()
	conn, err := o.r.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(fd uintptr) bool { // ends with the pipe
		for {
			if n, more := o.readOnce(int(fd)); n <= 0 {
				return !more
			}
		}
	})
}

// sync reads all that clamd printed before the call, also if readAll has not run yet. After a reply
// this shows the fault that led to it.
func (o *output) sync() {
	conn, err := o.r.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		// More than a pipe holds was printed since the call.
		for total := 0; total <= pipeSize; {
			n, _ := o.readOnce(int(fd))
			if n <= 0 {
				return
			}
			total += n
		}
	})
}

// readOnce reads once without blocking. It reads and keeps under the lock, so that lines stay in their
// order. more is false at the end of the output.
func (o *output) readOnce(fd int) (n int, more bool) {
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

// keep splits text into lines.
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

// line keeps one line.
func (o *output) line(line string) {
	o.lines = append(o.lines, line)
	if len(o.lines) > tailLines {
		o.lines = append(o.lines[:0], o.lines[1:]...)
	}
	if len(o.first) < headLines && fromLibrary(line) {
		o.first = append(o.first, line)
	}
	if o.fault == "" && isFault(line) {
		o.fault = line
	}
}

// firstFault returns the first line that is a fault, or "". After it no answer of the engine counts.
func (o *output) firstFault() string {
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

// warnings returns the first errors and warnings of libclamav.
func (o *output) warnings() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.first)
}
