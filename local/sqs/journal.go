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

// journalLimit is when a journal is first rewritten without what has since been
// deleted; after that, whenever it has doubled.
const journalLimit = 64 << 20 // bytes

type journal struct {
	path        string
	file        *os.File
	size, limit int64
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
	if err := s.Restore(kept); err != nil {
		return nil, fmt.Errorf("read queues from %s: %w", path, err)
	}
	s.journal = &journal{path: path}
	if err := s.compact(); err != nil {
		return nil, fmt.Errorf("keep queues in %s: %w", path, err)
	}
	return s, nil
}

// Snapshot returns all queues and messages in the journal's format. Messages in
// flight are in it as visible ones.
func (s *Service) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

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

// Restore adds what a snapshot or a journal holds. A last line without its end,
// as a process leaves it that dies while writing, is passed over.
func (s *Service) Restore(snapshot []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := make(map[string]bool)
	for name := range s.queues {
		given[name] = true
	}
	lines := bytes.SplitAfter(snapshot, []byte("\n"))
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
	if s.journal != nil {
		return s.compact()
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

// compact replaces the journal by a snapshot, in one step.
func (s *Service) compact() error {
	content, err := s.snapshot()
	if err != nil {
		return err
	}
	next := s.journal.path + ".new"
	file, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start new journal: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync()); err == nil {
		err = os.Rename(next, s.journal.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write new journal: %w", err), file.Close())
	}
	if s.journal.file != nil {
		err = s.journal.file.Close()
	}
	size := int64(len(content))
	*s.journal = journal{path: s.journal.path, file: file, size: size, limit: max(journalLimit, 2*size)}
	return err
}
