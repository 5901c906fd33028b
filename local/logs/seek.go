package logs

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"
)

// near is how many bytes before its first wanted line a file is read at most.
const near = 256 << 10

// begin returns where a line begins in a file before which no line was written since a time, in Unix ms. Lines are in
// the order of their times, but for disorder: so it is found in a few steps, and a long log need not be read from its
// beginning.
func (s stream) begin(file *os.File, since int64) (int64, error) {
	info, err := file.Stat()
	if err != nil || since <= 0 {
		return 0, err
	}
	since -= disorder.Milliseconds()
	low, high := int64(0), info.Size() // lines that begin before low are too old
	for high-low > near {
		middle := low + (high-low)/2
		next, at, err := s.lineAfter(file, middle)
		switch {
		case errors.Is(err, io.EOF): // no line with a time begins after it
			high = middle
		case err != nil:
			return 0, err
		case at.UnixMilli() < since:
			low = max(next, low+1)
		default:
			high = middle
		}
	}
	return low, nil
}

// lineAfter returns the first line with a time that begins after a position: its own position, and its time.
func (s stream) lineAfter(file *os.File, position int64) (begin int64, at time.Time, err error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(file, position, 1<<62), 32<<10)
	begin = position
	for first := true; ; first = false {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return 0, time.Time{}, err
		}
		if at := s.at(line, time.Time{}); !first && !at.IsZero() {
			return begin, at, nil
		}
		begin += int64(len(line))
	}
}
