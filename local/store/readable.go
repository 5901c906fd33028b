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

// The bucket "store" has the key "boot" while the store is open: the id of the machine's boot. When a store was not
// closed and the machine has booted since, writes may be missing on the disk.
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

// unknownBoot is the id where the kernel has none. Then every store that was not closed is checked.
const unknownBoot = "unknown"

// thisBoot returns the id of the machine's boot.
func thisBoot() []byte {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return []byte(unknownBoot)
	}
	return id
}

// openReadable opens the file. When writes may be missing on the disk, it reads all of the file before, because opening
// it for writing reads it in a goroutine of bbolt. A damaged file makes bbolt panic, or read memory that the file does
// not back.
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
			return fmt.Errorf("the file has %d bytes, want %d", info.Size(), tx.Size())
		}
		var since []byte
		if b := tx.Bucket(own); b != nil {
			since = b.Get(boot)
		}
		if since == nil || bytes.Equal(since, thisBoot()) && !bytes.Equal(since, []byte(unknownBoot)) {
			return nil
		}
		return checkAfterCrash(tx)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return openFile(file, false)
}

// checkAfterCrash reads every page, because a fault is a panic in this goroutine. bbolt's own check, which comes after
// it, reads them in a goroutine where a fault would end the process.
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

// walk reads every value in a bucket.
func walk(b *bbolt.Bucket) error {
	return b.ForEach(func(key, value []byte) error {
		if value == nil {
			return walk(b.Bucket(key))
		}
		_ = bytes.Count(value, []byte{0}) // reads all of it
		return nil
	})
}
