package logs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
)

// maxFile is the size in bytes at which a log begins a new file: half of what a log takes on the disk at most. It holds
// a function's lines about 170,000 objects, or the events of 6,000 Express executions.
const maxFile = 128 << 20

// former is what the path of a log's full file ends in.
const former = ".1"

// File is a log on the disk, with one event in each line. A full file is kept beside the new one, until that is full
// too. Its methods may be called concurrently.
type File struct {
	path  string
	limit int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// NewFile returns the log at a path. The file is opened when something is written.
func NewFile(path string) *File { return &File{path: path, limit: maxFile} }

// Append writes lines. It keeps them as they are, so that JSON stays JSON, except that it escapes control characters,
// which uploaders can put into keys, as JSON does. After an error, some of the lines are lost.
func (f *File) Append(lines ...string) error {
	var text strings.Builder
	for _, line := range lines {
		escape(&text, line)
		text.WriteByte('\n')
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return err
	}
	n, err := f.file.WriteString(text.String())
	f.size += int64(n)
	return err
}

// open makes sure that there is an open file, which is not full.
func (f *File) open() (err error) {
	if f.file != nil && f.size < f.limit {
		return nil
	}
	if f.file != nil {
		err = errors.Join(os.Rename(f.path, f.path+former), f.file.Close())
		if f.file = nil; err != nil {
			return fmt.Errorf("begin a new log after %s: %w", f.path, err)
		}
	}
	f.file, err = os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size()
	return f.endLine()
}

// endLine ends the last line, of which a process that was killed may have written a part.
func (f *File) endLine() error {
	if f.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := f.file.ReadAt(last[:], f.size-1); err != nil || last[0] == '\n' {
		return err
	}
	n, err := f.file.WriteString("\n")
	f.size += int64(n)
	return err
}

// Close closes the file. A later Append opens it again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// Escaped returns a line in which every character can be printed.
func Escaped(line string) string {
	var b strings.Builder
	escape(&b, line)
	return b.String()
}

func escape(b *strings.Builder, line string) {
	for _, r := range line {
		switch {
		case unicode.IsPrint(r) || r == '\t':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
}
