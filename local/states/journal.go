package states

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// journalLimit is when a journal is first rewritten without what has since been
// passed; after that, whenever it has doubled.
const journalLimit = 64 << 20 // bytes

// journal keeps executions over the death of the process: where each one stands,
// and the names of those that ended, which stay taken. It does not survive the
// death of the machine: writes are not synced. A nil journal keeps nothing.
type journal struct {
	path string

	mu          sync.Mutex
	file        *os.File
	size, limit int64
	last        map[string]entry // by ARN: what its lines say together
	count       int              // of executions
	err         error            // of the first line that could not be written
}

// entry is one line. The first one of an execution has what never changes, each
// has where it stands.
type entry struct {
	ARN     string          `json:"arn"`
	Machine string          `json:"machine,omitempty"` // ARN
	Name    string          `json:"name,omitempty"`
	Number  int             `json:"number,omitempty"`
	Started time.Time       `json:"started,omitzero"`
	Input   string          `json:"input,omitempty"`
	Next    string          `json:"next,omitempty"`  // the state it goes to
	Value   json.RawMessage `json:"value,omitempty"` // with this
	Status  string          `json:"status,omitempty"`
	Stopped time.Time       `json:"stopped,omitzero"` // not zero: it has ended
}

// openJournal reads what the file at path says and writes it anew.
func openJournal(path string) (*journal, error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read executions: %w", err)
	}
	j := &journal{path: path, last: map[string]entry{}}
	lines := bytes.SplitAfter(content, []byte("\n"))
	for i, line := range lines[:len(lines)-1] { // a last line without its end is no line: the process died writing it
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read executions from %s: line %d: %w", path, i+1, err)
		}
		j.merge(e)
	}
	if err := j.compact(); err != nil {
		return nil, fmt.Errorf("keep executions in %s: %w", path, err)
	}
	return j, nil
}

// merge adds a line to what is known of its execution. Of one that has ended,
// input and value are of no use any more.
func (j *journal) merge(e entry) {
	if was, known := j.last[e.ARN]; known {
		e.Machine, e.Name, e.Number, e.Started, e.Input = was.Machine, was.Name, was.Number, was.Started, was.Input
	} else {
		j.count++
		e.Number = j.count
	}
	if !e.Stopped.IsZero() {
		e.Input, e.Next, e.Value = "", "", nil
	}
	j.last[e.ARN] = e
}

// all are the executions, oldest first.
func (j *journal) all() []entry {
	return slices.SortedFunc(maps.Values(j.last), func(a, b entry) int { return a.Number - b.Number })
}

// put writes a line. The error is kept for close as well: only a start can be
// refused for it, while an execution under way goes on and is repeated from an
// earlier state, should the process die.
func (j *journal) put(e entry) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return errClosed
	}
	j.merge(e)
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err == nil {
		if j.size += int64(len(line)) + 1; j.size > j.limit {
			err = j.compact()
		}
	}
	if err != nil {
		err = fmt.Errorf("keep execution %s: %w", e.ARN, err)
		j.err = errors.Join(j.err, err)
	}
	return err
}

// compact replaces the file by one with a line for each execution, in one step.
func (j *journal) compact() error {
	var content bytes.Buffer
	lines := json.NewEncoder(&content)
	for _, e := range j.all() {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	next := j.path + ".new"
	file, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.Write(content.Bytes()); err == nil {
		err = os.Rename(next, j.path)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if j.file != nil {
		err = j.file.Close()
	}
	j.file, j.size = file, int64(content.Len())
	j.limit = max(journalLimit, 2*j.size)
	return err
}

// close returns the first errors that writing met.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.err, j.file.Close())
	j.file = nil
	return err
}
