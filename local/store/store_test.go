package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var name = []byte("test/values")

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(s *Store, key string, value []byte) error {
	return s.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(name)
		if err != nil {
			return err
		}
		return b.Put([]byte(key), value)
	})
}

func get(t *testing.T, s *Store, key string) (value []byte) {
	t.Helper()
	if err := s.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(name); b != nil {
			value = bytes.Clone(b.Get([]byte(key)))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestKeepsWhatWasClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	if err := put(s, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "late", nil); !errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		t.Errorf("Update after Close: got error %v, want %v", err, bolterrors.ErrDatabaseNotOpen)
	}
	s = open(t, dir)
	defer s.Close()
	if got := get(t, s, "k"); string(got) != "v" {
		t.Errorf("after a restart: %q, want v", got)
	}
}

// TestGroups holds the writer up, so that all callers share a transaction.
func TestGroups(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	started, release := make(chan struct{}), make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		_ = s.Update(func(*bbolt.Tx) error { close(started); <-release; return nil })
	})
	<-started
	refused := errors.New("refused")
	var mu sync.Mutex
	woken, transactions := 0, map[int]bool{}
	for i := range 100 {
		calls.Go(func() {
			err := s.Update(func(tx *bbolt.Tx) error {
				tx.OnCommit(func() {
					mu.Lock()
					defer mu.Unlock()
					woken++
					transactions[tx.ID()] = true
				})
				b, err := tx.CreateBucketIfNotExists(name)
				if err != nil {
					return err
				}
				if err := b.Put(fmt.Append(nil, i), []byte("v")); err != nil || i%10 != 0 {
					return err
				}
				return refused
			})
			if want := i%10 == 0; errors.Is(err, refused) != want {
				t.Errorf("caller %d: %v, want refused: %t", i, err, want)
			}
		})
	}
	for waiting := 0; waiting < 100; runtime.Gosched() {
		waiting = strings.Count(stacks(), "(*Store).Update(") - 1
	}
	close(release)
	calls.Wait()
	if woken != 90 || len(transactions) != 1 {
		t.Errorf("%d of 90 commits were told, in %d transactions instead of 1", woken, len(transactions))
	}
	for i := range 100 {
		if got, want := get(t, s, fmt.Sprint(i)) != nil, i%10 != 0; got != want {
			t.Errorf("value %d is stored: %t, want %t", i, got, want)
		}
	}
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

func TestPanicReachesItsCaller(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	func() {
		defer func() {
			if got := recover(); got != "mine" {
				t.Errorf("recovered %v, want mine", got)
			}
		}()
		_ = s.Update(func(*bbolt.Tx) error { panic("mine") })
	}()
	if err := put(s, "k", nil); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	if _, err := Open(dir); !errors.Is(err, bolterrors.ErrTimeout) {
		t.Errorf("a second Open: %v, want %v", err, bolterrors.ErrTimeout)
	}
}

// TestUnreadable damages a store that lost power, in every page and by its
// length, and opens it: each is told in a line that names file and command, or
// does not matter to what is stored.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 300 {
		if err := put(s, fmt.Sprint(i), bytes.Repeat([]byte("v"), 200)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "state.bolt")
	if err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(own).Put(boot, []byte("another")) }); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	told := 0
	try := func(what string, data []byte) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "store")
		file := filepath.Join(dir, "state.bolt")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(file, data, 0o600)); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir)
		if err == nil {
			for i := range 300 {
				if got := get(t, s, fmt.Sprint(i)); len(got) != 200 {
					t.Errorf("%s: opened, but value %d has %d bytes", what, i, len(got))
				}
			}
			s.Close()
			return
		}
		told++
		want := fmt.Sprintf("mv %q %q", dir, dir+".unreadable")
		if text := err.Error(); !strings.Contains(text, want) || !strings.Contains(text, file) ||
			strings.Contains(text, "\n") {
			t.Errorf("%s: %q, want one line with %s and %s", what, text, file, want)
		}
	}
	page := os.Getpagesize()
	for i := 0; i < len(whole); i += page {
		junk := bytes.Clone(whole)
		for j := range page / 8 {
			binary.NativeEndian.PutUint64(junk[i+8*j:], 0x9e3779b97f4a7c15*uint64(i+j+1))
		}
		try(fmt.Sprintf("page %d overwritten", i/page), junk)
		clear(junk[i : i+page])
		try(fmt.Sprintf("page %d empty", i/page), junk)
		if i > 0 {
			try(fmt.Sprintf("cut at page %d", i/page), whole[:i])
		}
	}
	try("no store", []byte("hello"))
	if told < 10 {
		t.Errorf("%d damaged files were told, want most", told)
	}
}
