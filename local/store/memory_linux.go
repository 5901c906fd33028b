package store

import (
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// memory gives back the pages of the mapped file once a second. The kernel
// counts every page that was ever looked at as the process's own; it stays in
// the kernel's cache, and looking again costs less than a microsecond.
type memory struct{ last atomic.Int64 }

const releaseEvery = time.Second

func (m *memory) release(db *bbolt.DB) {
	now, last := time.Now().UnixNano(), m.last.Load()
	if now-last < int64(releaseEvery) || !m.last.CompareAndSwap(last, now) {
		return
	}
	// A transaction holds the mapping in its place. An error costs memory alone.
	_ = db.View(func(tx *bbolt.Tx) error {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, db.Info().Data, uintptr(tx.Size()), unix.MADV_DONTNEED)
		return nil
	})
}
