// Package store keeps the state of the local stack's services in one file of bbolt. Each change is a transaction, and a
// process that is killed leaves the last committed one. A service owns the top-level buckets whose names begin with its
// own, such as "sqs/…". Files that are part of the state, such as the bodies of objects, are in the same folder, so
// that one command can move all of it.
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
	dir    string
	db     *bbolt.DB
	writer writer
	memory memory
}

// Open opens the store in a folder, which it creates when it is absent. One process at a time can have it open. The
// error is one line, with the command that moves an unreadable store away.
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
		return nil, fmt.Errorf("open store %s: it cannot be read: %w; "+
			"this command moves it away with all objects: mv %q %q", file, err, dir, dir+".unreadable")
	}
	s := &Store{dir: dir, db: db, writer: writer{free: make(chan struct{}, 1)}}
	if err := s.db.Update(markOpen); err != nil {
		return nil, errors.Join(fmt.Errorf("write store %s: %w", file, err), db.Close())
	}
	s.writer.free <- struct{}{}
	return s, nil
}

// openFile opens the file of bbolt. Transactions are not synced to the disk: the kernel has what a killed process
// wrote, and checkAfterCrash finds damage after a loss of power. Transactions do not write the list of free pages
// either, which would be most of their size after 100,000 messages: when a store was not closed, opening it finds the
// list again, in 0.1 s for 228 MB. The mapping is large from the start, because growing it waits for every reader.
func openFile(file string, readOnly bool) (*bbolt.DB, error) {
	return bbolt.Open(file, 0o600, &bbolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
		InitialMmapSize: 1 << 30, Timeout: time.Second, ReadOnly: readOnly,
	})
}

// create creates an empty store when there is none. It does so under another name first, so that neither a full disk
// nor a kill leaves a part of one.
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

// Close waits for running transactions and syncs the file, so that a closed store survives a loss of power.
func (s *Store) Close() error {
	<-s.writer.free
	defer func() { s.writer.free <- struct{}{} }() // later calls of Update fail
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

// View runs f on the state of the last transaction. f must be quick, because space is not reused meanwhile, and must
// not keep bytes that it reads, because they belong to the transaction.
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

// GetJSON decodes the value of a key into v, and returns false when there is none.
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
