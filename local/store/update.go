package store

import (
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
)

// writer lets one caller at a time commit a group of changes: its own and those that wait.
type writer struct {
	free chan struct{} // has one element when nobody commits

	mu      sync.Mutex
	waiting []*call
}

// call is one call of Update.
type call struct {
	change func(tx *bbolt.Tx) error
	done   chan error
}

// panicked is a panic of a change, which Update passes on to its caller.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprint(p.value) }

// Update runs change in a transaction and returns when it is committed. Changes that wait at the same time share a
// transaction, so change may run more than once: it must set its results anew each time, and do what follows a commit
// in tx.OnCommit. When change fails, nothing of it is stored, Update returns its error, and other callers are not
// affected. change must not call View or Update.
func (s *Store) Update(change func(tx *bbolt.Tx) error) error {
	c := &call{change: change, done: make(chan error, 1)}
	s.writer.mu.Lock()
	s.writer.waiting = append(s.writer.waiting, c)
	s.writer.mu.Unlock()
	var err error
	select {
	case err = <-c.done: // by another caller
	case <-s.writer.free:
		s.commit(s.writer.take())
		s.writer.free <- struct{}{}
		s.memory.release(s.db)
		err = <-c.done
	}
	if p, ok := errors.AsType[panicked](err); ok {
		panic(p.value)
	}
	return err
}

// take returns the calls that wait, of which none may be left.
func (w *writer) take() []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	group := w.waiting
	w.waiting = nil
	return group
}

// commit runs the changes of a group in one transaction. When one fails it runs the others again.
func (s *Store) commit(group []*call) {
	for len(group) > 0 {
		failed := -1
		err := s.db.Update(func(tx *bbolt.Tx) error {
			for i, c := range group {
				if err := run(c.change, tx); err != nil {
					failed = i
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			for _, c := range group {
				c.done <- nil
			}
			return
		case failed >= 0:
			group[failed].done <- err
			group = append(group[:failed], group[failed+1:]...)
		case len(group) == 1: // the disk is full, for example
			group[0].done <- fmt.Errorf("write store: %w", err)
			return
		default: // single changes may fit on a disk that is too full for all
			for _, c := range group {
				s.commit([]*call{c})
			}
			return
		}
	}
}

func run(change func(tx *bbolt.Tx) error, tx *bbolt.Tx) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicked{value}
		}
	}()
	return change(tx)
}
