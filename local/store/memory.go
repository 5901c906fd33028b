package store

import (
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// memory returns the pages of the mapped file to the kernel, at most once a second. The kernel counts every page that
// was read as the process's memory. A page stays in the kernel's cache, and reading it again takes less than a
// microsecond.
type memory struct{ last atomic.Int64 }

const releaseInterval = time.Second

func (m *memory) release(db *bbolt.DB) {
	now, last := time.Now().UnixNano(), m.last.Load()
	if now-last < int64(releaseInterval) || !m.last.CompareAndSwap(last, now) {
		return
	}
	// During a transaction the mapping does not move. An error is ignored: it only costs memory.
	_ = db.View(func(tx *bbolt.Tx) error {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, db.Info().Data, uintptr(tx.Size()), unix.MADV_DONTNEED)
		return nil
	})
}
