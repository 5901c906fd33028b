package store

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// maxGroup bounds how long the first caller of a group waits for the others.
const maxGroup = 256

// errClosed is the answer to an Update after Close.
var errClosed = errors.New("the store is closed")

// call is one Update.
type call struct {
	change func(tx *bbolt.Tx) error
	err    chan error
}

// panicked carries a panic from the writer to the caller whose change it was.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprint(p.value) }

// Update runs change in a transaction and returns when it is committed. What
// waits meanwhile shares a transaction, so that change may run more than once:
// it must set what it returns anew each time, and leave what follows a commit,
// such as waking somebody, to tx.OnCommit. When it returns an error, that is
// Update's, nothing of it is stored, and no other caller notices. It must not
// call View or Update.
func (s *Store) Update(change func(tx *bbolt.Tx) error) error {
	c := &call{change: change, err: make(chan error, 1)}
	select {
	case s.calls <- c:
	case <-s.closing:
		return errClosed
	}
	err := <-c.err
	if p, ok := errors.AsType[panicked](err); ok {
		panic(p.value)
	}
	return err
}

// write is the one writer.
func (s *Store) write() {
	defer close(s.closed)
	for {
		select {
		case <-s.closing:
			return
		case c := <-s.calls:
			s.commit(s.group(c))
			s.memory.release(s.db)
		}
	}
}

// group adds to the first call those that wait already.
func (s *Store) group(first *call) []*call {
	group := []*call{first}
	for len(group) < maxGroup {
		select {
		case c := <-s.calls:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction, and again without each that fails.
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
				c.err <- nil
			}
			return
		case failed >= 0:
			group[failed].err <- err
			group = append(group[:failed], group[failed+1:]...)
		case len(group) == 1: // the disk is full, say
			group[0].err <- fmt.Errorf("write store: %w", err)
			return
		default: // what is too much together may fit one by one
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
