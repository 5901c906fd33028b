package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"go.etcd.io/bbolt"
)

// The bucket "store" has a key for as long as the store is open: the boot of the
// machine since which nothing may be on the disk yet.
var (
	own  = []byte("store")
	boot = []byte("boot")
)

func markOpen(tx *bbolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists(own)
	if err != nil {
		return err
	}
	return b.Put(boot, thisBoot())
}

func markClosed(tx *bbolt.Tx) error { return tx.Bucket(own).Delete(boot) }

// thisBoot identifies the time since the machine started. Where that is not
// known, every store that was not closed is checked.
func thisBoot() []byte {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return []byte("unknown")
	}
	return id
}

// openReadable opens the file and, where the machine has lost power since it was
// written, reads all of it before: opening for writing looks for free pages in a
// goroutine of bbolt's. A damaged file makes bbolt panic, or touch memory that no
// part of the file stands behind.
func openReadable(file string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			err = errors.New(strings.ReplaceAll(fmt.Sprint(value), "\n", "; "))
		}
	}()
	if db, err = openFile(file, true); err != nil {
		return nil, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("it has %d bytes of %d", info.Size(), tx.Size())
		}
		var since []byte
		if b := tx.Bucket(own); b != nil {
			since = b.Get(boot)
		}
		if since == nil || bytes.Equal(since, thisBoot()) && !bytes.Equal(since, []byte("unknown")) {
			return nil
		}
		return checkAfterCrash(tx)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return openFile(file, false)
}

// checkAfterCrash reads every page here, where a fault is a panic, before
// bbolt's own check does so in a goroutine where it would end the process.
func checkAfterCrash(tx *bbolt.Tx) error {
	if err := tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return walk(b) }); err != nil {
		return err
	}
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = err
		}
	}
	return first
}

func walk(b *bbolt.Bucket) error {
	return b.ForEach(func(key, value []byte) error {
		if value == nil {
			return walk(b.Bucket(key))
		}
		_ = bytes.Count(value, []byte{0}) // reads it
		return nil
	})
}
