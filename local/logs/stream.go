package logs

import (
	"bufio"
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

// stream is a log stream, or all log streams of one source: a log that File has written.
type stream struct {
	path string
	name func(at time.Time) string // of the log stream that has the events of that time
	// at reads from a line when it was written; before is the time of the line before it.
	at func(line string, before time.Time) time.Time
	// dated says that each line has its time in it, so that lines that are not wanted need not be read for theirs.
	dated bool
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
		return []stream{{path: file, at: happened, dated: true, name: func(at time.Time) string {
			return "states/" + machine + at.UTC().Format("/2006-01-02-15-04/") + "00000000"
		}}}, nil
	}}
}

// read calls f with each wanted line, its number and the time when it was written, the oldest first, until f returns
// false.
func (s stream) read(wanted pattern, f func(line int, at time.Time, text string) bool) error {
	files, err := s.open()
	if err != nil {
		return fmt.Errorf("read a log: %w", err)
	}
	var readers []io.Reader
	for _, file := range files {
		defer file.Close()
		readers = append(readers, file)
	}
	var at time.Time
	lines := bufio.NewScanner(io.MultiReader(readers...))
	lines.Buffer(nil, maxLine)
	for n := 0; lines.Scan(); n++ {
		isWanted := wanted.wants(lines.Bytes())
		if isWanted || !s.dated {
			at = s.at(lines.Text(), at)
		}
		if isWanted && !f(n, at, lines.Text()) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", s.path, err)
	}
	return nil
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
func written(line string, before time.Time) time.Time {
	var stamp struct {
		Time time.Time `json:"time"`
		AWS  struct {
			Timestamp int64 // Unix time in ms
		} `json:"_aws"`
	}
	switch err := json.Unmarshal([]byte(line), &stamp); {
	case err == nil && !stamp.Time.IsZero():
		return stamp.Time
	case err == nil && stamp.AWS.Timestamp > 0:
		return time.UnixMilli(stamp.AWS.Timestamp)
	}
	first, _, _ := strings.Cut(line, " ")
	if at, err := time.Parse(time.RFC3339Nano, first); err == nil {
		return at
	}
	return before
}

// happened reads when an event of an execution happened. Within the texts of an event, quotation marks are escaped: so
// this is the member of the event itself.
func happened(line string, before time.Time) time.Time {
	const member = `"event_timestamp":"`
	if i := strings.LastIndex(line, member); i >= 0 {
		digits, _, _ := strings.Cut(line[i+len(member):], `"`)
		if ms, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return time.UnixMilli(ms)
		}
	}
	return before
}
