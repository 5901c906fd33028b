package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Point is a value in a line of a log.
type Point struct {
	Series
	At    time.Time
	Value float64
}

// Log finds values in logs, of which it reads each line once. Its methods may be called concurrently.
type Log struct {
	pattern string // of the paths
	points  func(line []byte) []Point

	mu    sync.Mutex
	files map[string]progress
	data  map[string]Minutes // by the key of a series
}

// progress is how far a file was read.
type progress struct {
	info os.FileInfo
	end  int64
}

// NewLog returns the values that points finds in the lines of all files of a pattern of paths. A full file is kept
// under the same path with a suffix until the next one is full.
func NewLog(pattern string, points func(line []byte) []Point) *Log {
	return &Log{pattern: pattern, points: points, files: map[string]progress{}, data: map[string]Minutes{}}
}

// former is what the path of a full file ends in; package logs names it so.
const former = ".1"

// Values returns those of a series in [from, until).
func (l *Log) Values(s Series, from, until time.Time) (Minutes, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(); err != nil {
		return nil, err
	}
	found := Minutes{}
	for minute, v := range l.data[s.key()] {
		if minute >= from.Unix() && minute < until.Unix() {
			found[minute] = v
		}
	}
	return found, nil
}

// read reads what the files have since the last time.
func (l *Log) read() error {
	paths, err := filepath.Glob(l.pattern)
	if err != nil {
		return fmt.Errorf("find logs with metrics: %w", err)
	}
	for _, path := range paths {
		if err := l.readLog(path); err != nil {
			return fmt.Errorf("read metrics in %s: %w", path, err)
		}
	}
	return nil
}

// readLog reads a log: the rest of its full file, if that has been replaced since the last time, and its newest file.
func (l *Log) readLog(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return absentIsNone(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	known, isKnown := l.files[path]
	if !isKnown || !os.SameFile(known.info, info) {
		if err := l.readFormer(path+former, known); err != nil {
			return err
		}
		known = progress{info: info}
	}
	known.end, err = l.readFile(file, known.end)
	l.files[path] = known
	return err
}

func (l *Log) readFormer(path string, known progress) error {
	file, err := os.Open(path)
	if err != nil {
		return absentIsNone(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var from int64
	if known.info != nil && os.SameFile(known.info, info) {
		from = known.end
	}
	_, err = l.readFile(file, from)
	return err
}

func absentIsNone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// readFile reads whole lines from a position on, and returns where they end.
func (l *Log) readFile(file *os.File, from int64) (end int64, err error) {
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	lines := bufio.NewReaderSize(file, 1<<20)
	for end = from; ; {
		line, err := lines.ReadSlice('\n')
		end += int64(len(line))
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // no line with metrics is so long
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = lines.ReadSlice('\n')
				end += int64(len(line))
			}
			if err == nil {
				continue
			}
			return end - int64(len(line)), absentEnd(err)
		case err != nil:
			return end - int64(len(line)), absentEnd(err)
		}
		for _, p := range l.points(line) {
			key := p.key()
			if l.data[key] == nil {
				l.data[key] = Minutes{}
			}
			l.data[key].Add(p.At, One(p.Value))
		}
	}
}

func absentEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
