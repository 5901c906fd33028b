package sqs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// journal is the file that every change is written to.
type journal struct {
	file *os.File
	size int64 // bytes
}

// Open returns a service whose queues are kept in the file at path, one JSON
// line a change, and carries on from what the file holds. The given queues are
// as they say, whatever the file knows of them; queues that were created
// through the API come back. It survives the death of the process at any
// moment, not that of the machine: only the rewrite at opening is synced.
func Open(path string, queues []template.Queue) (*Service, error) {
	s := New(queues)
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read queues: %w", err)
	}
	if err := s.restore(kept); err != nil {
		return nil, fmt.Errorf("read queues from %s: %w", path, err)
	}
	if s.journal, err = s.compact(path); err != nil {
		return nil, fmt.Errorf("keep queues in %s: %w", path, err)
	}
	return s, nil
}

// snapshot gives all queues and messages in the journal's format. Messages in
// flight are in it as visible ones.
func (s *Service) snapshot() ([]byte, error) {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	for name, q := range s.queues {
		if err := lines.Encode(entry{Op: opQueue, Queue: name, Settings: &q.settings}); err != nil {
			return nil, fmt.Errorf("write queue %s: %w", name, err)
		}
		for _, m := range q.messages {
			kept := *m
			if kept.receipt != "" {
				kept.VisibleAt = time.Time{}
			}
			if err := lines.Encode(entry{Op: opPut, Queue: name, Message: &kept}); err != nil {
				return nil, fmt.Errorf("write message %s: %w", m.ID, err)
			}
		}
	}
	return out.Bytes(), nil
}

// restore adds what a journal holds. A last line without its end, as a process
// leaves it that dies while writing, is passed over.
func (s *Service) restore(kept []byte) error {
	given := make(map[string]bool)
	for name := range s.queues {
		given[name] = true
	}
	lines := bytes.SplitAfter(kept, []byte("\n"))
	for i, line := range lines[:len(lines)-1] {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("read line %d: %w", i+1, err)
		}
		switch {
		case given[e.Queue] && e.Op == opQueue:
			continue
		case given[e.Queue] && e.Op == opDrop:
			e.Op = opPurge
		}
		s.apply(e)
	}
	return nil
}

func (j *journal) append(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write %s of queue %s: %w", e.Op, e.Queue, err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		// Half a line must not stand in the way of the next one.
		return errors.Join(fmt.Errorf("write %s of queue %s: %w", e.Op, e.Queue, err), j.file.Truncate(j.size))
	}
	j.size += int64(len(line)) + 1
	return nil
}

// compact replaces the file at path by a journal without what has since been
// deleted, in one step.
func (s *Service) compact(path string) (*journal, error) {
	content, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start new journal: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write new journal: %w", err), file.Close())
	}
	return &journal{file, int64(len(content))}, nil
}
