// Package store keeps what the services of the local stack remember, in one
// bbolt file: each change is a transaction, and a process that is killed leaves
// the last one. A service owns the top-level buckets that begin with its name,
// "sqs/…". Files that belong to the state, such as the bodies of objects, lie
// in the same folder, so that both can be set aside with one command.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Store is an open store. Its methods may be called concurrently.
type Store struct {
	dir     string
	db      *bbolt.DB
	calls   chan *call
	closing chan struct{}
	closed  chan struct{} // the writer has ended
	memory  memory
}

// Open opens the store in a folder, which it makes when it is absent. One
// process at a time may have it open. The error is one line, which says how to
// set an unreadable store aside.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	file := filepath.Join(dir, "state.bolt")
	if err := create(file); err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	db, err := openReadable(file)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open store %s: %w", file, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: it cannot be read: %w; this sets it aside with all objects: mv %q %q",
			file, err, dir, dir+".unreadable")
	}
	s := &Store{dir: dir, db: db, calls: make(chan *call), closing: make(chan struct{}), closed: make(chan struct{})}
	if err := s.db.Update(markOpen); err != nil {
		return nil, errors.Join(fmt.Errorf("write store %s: %w", file, err), db.Close())
	}
	go s.write()
	return s, nil
}

// openFile does not sync: what a killed process has written is in the kernel's
// hands, and a loss of power is what checkAfterCrash looks for. Nor do transactions
// write the list of free pages, which a drained queue of 100,000 messages makes
// longer than all else in them: opening what was not closed finds it again, in
// 0.1 s for 228 MB. The mapping is made large at once, because making it larger
// later waits for every reader.
func openFile(file string, readOnly bool) (*bbolt.DB, error) {
	return bbolt.Open(file, 0o600, &bbolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 30,
		Timeout: time.Second, ReadOnly: readOnly,
	})
}

// create makes an empty store under another name first, so that neither a full
// disk nor kill -9 leaves a part of one.
func create(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	part := file + ".new"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	db, err := openFile(part, false)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	return os.Rename(part, file)
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// Close waits for transactions under way and writes everything to the disk, so
// that a store that was closed outlives a loss of power.
func (s *Store) Close() error {
	close(s.closing)
	<-s.closed
	err := s.db.Sync()
	s.db.NoFreelistSync = false
	if err == nil {
		err = s.db.Update(markClosed)
	}
	if err == nil {
		err = s.db.Sync()
	}
	if err = errors.Join(err, s.db.Close()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// View runs f on the state that the last transaction left. f must be quick,
// since space is not reused meanwhile, and must not keep what it reads: bytes
// belong to the transaction.
func (s *Store) View(f func(tx *bbolt.Tx) error) error {
	defer s.memory.release(s.db)
	return s.db.View(f)
}

// PutJSON stores v under a key.
func PutJSON(b *bbolt.Bucket, key []byte, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %q: %w", key, err)
	}
	return b.Put(key, value)
}

// GetJSON reads into v what is stored under a key, and returns false when
// nothing is.
func GetJSON(b *bbolt.Bucket, key []byte, v any) (bool, error) {
	value := b.Get(key)
	if value == nil {
		return false, nil
	}
	if err := json.Unmarshal(value, v); err != nil {
		return false, fmt.Errorf("decode %q: %w", key, err)
	}
	return true, nil
}
