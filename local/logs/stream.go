package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxLine is more than a line has: CloudWatch takes 1 MB for an event, of which control characters are escaped.
const maxLine = 8 << 20

// disorder is by how much the times of two lines may differ from their order in a file: several executions write to
// one, and the computer's clock may be set back a little.
const disorder = 15 * time.Minute

// stream is a log stream, or all log streams of one source: a log that File has written.
type stream struct {
	path string
	name func(at time.Time) string // of the log stream that has the events of that time
	// at reads from a line when it was written; before is the time of the line before it.
	at func(line []byte, before time.Time) time.Time
}

// Functions is the log group of a stack's functions. A folder has <function>.log for each.
func Functions(stack, dir string) Group {
	return Group{Name: "/lazaret/" + stack, streams: func() (streams []stream, err error) {
		files, err := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, file := range files {
			function := stack + "-" + strings.TrimSuffix(filepath.Base(file), ".log")
			streams = append(streams, stream{path: file, at: written, name: func(at time.Time) string {
				return at.UTC().Format("2006/01/02/") + function + "[$LATEST]local"
			}})
		}
		return streams, err
	}}
}

// Machine is the log group of an Express state machine, whose events are in one file.
func Machine(group, machine, file string) Group {
	return Group{Name: group, streams: func() ([]stream, error) {
		return []stream{{path: file, at: happened, name: func(at time.Time) string {
			return "states/" + machine + at.UTC().Format("/2006-01-02-15-04/") + "00000000"
		}}}, nil
	}}
}

// read calls f with each wanted line, an id and the time when it was written, the oldest first, until f returns false.
func (s stream) read(q query, f func(id int64, at time.Time, text string) bool) error {
	files, err := s.open()
	if err != nil {
		return fmt.Errorf("read a log: %w", err)
	}
	defer closeAll(files) //nolint:errcheck // they were read
	var before int64      // size of the files before
	for _, file := range files {
		more, err := s.readFile(file, q, func(offset int64, at time.Time, text string) bool {
			return f(before+offset, at, text)
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", s.path, err)
		}
		if !more {
			break
		}
		before += maxFile + maxLine
	}
	return nil
}

// readFile reads one file, and reports whether there may be wanted lines in the next one.
func (s stream) readFile(file *os.File, q query, f func(offset int64, at time.Time, text string) bool) (bool, error) {
	offset, err := s.begin(file, q.since)
	if err != nil {
		return false, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return false, err
	}
	var at time.Time
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 0, 256<<10), maxLine)
	for ; lines.Scan(); offset += int64(len(lines.Bytes())) + 1 {
		at = s.at(lines.Bytes(), at)
		ms := at.UnixMilli()
		if q.until != 0 && ms > q.until+disorder.Milliseconds() {
			return false, nil
		}
		if q.wants(ms) && q.wanted.wants(lines.Bytes()) && !f(offset, at, lines.Text()) {
			return false, nil
		}
	}
	return true, lines.Err()
}

// open opens the files of the log, the older one first. It opens the newer one first, so that a line is not missed that
// goes to the other file meanwhile.
func (s stream) open() (files []*os.File, err error) {
	for _, path := range []string{s.path, s.path + former} {
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, closeAll(files))
		}
		files = append([]*os.File{file}, files...)
	}
	if len(files) == 2 && sameFile(files[0], files[1]) { // it was renamed between the two calls
		return files[:1], files[1].Close()
	}
	return files, nil
}

func sameFile(a, b *os.File) bool {
	first, err := a.Stat()
	second, wrong := b.Stat()
	return err == nil && wrong == nil && os.SameFile(first, second)
}

func closeAll(files []*os.File) (err error) {
	for _, file := range files {
		err = errors.Join(err, file.Close())
	}
	return err
}

// written reads from a function's line when it was written. Our log lines and Lambda's have "time", metrics have
// "_aws.Timestamp", others begin with a time. A line without a time has the time of the line before it.
func written(line []byte, before time.Time) time.Time {
	// Nearly all lines begin with this member, and need not be decoded.
	if rest, ok := bytes.CutPrefix(line, []byte(`{"time":"`)); ok {
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		if at, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
			return at
		}
	}
	var stamp struct {
		Time time.Time `json:"time"`
		AWS  struct {
			Timestamp int64 // Unix time in ms
		} `json:"_aws"`
	}
	switch err := json.Unmarshal(line, &stamp); {
	case err == nil && !stamp.Time.IsZero():
		return stamp.Time
	case err == nil && stamp.AWS.Timestamp > 0:
		return time.UnixMilli(stamp.AWS.Timestamp)
	}
	first, _, _ := bytes.Cut(line, []byte(" "))
	if at, err := time.Parse(time.RFC3339Nano, string(first)); err == nil {
		return at
	}
	return before
}

// happened reads when an event of an execution happened. Within the texts of an event, quotation marks are escaped: so
// this is the member of the event itself, which is near the end.
func happened(line []byte, before time.Time) time.Time {
	member := []byte(`"event_timestamp":"`)
	if i := bytes.LastIndex(line, member); i >= 0 {
		digits, _, _ := bytes.Cut(line[i+len(member):], []byte(`"`))
		if ms, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
			return time.UnixMilli(ms)
		}
	}
	return before
}
