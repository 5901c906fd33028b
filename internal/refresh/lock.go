package refresh

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errBusy says that another run holds the lock.
var errBusy = errors.New("another run is at work")

// lock takes the lock of the store at root, without waiting, and returns the
// function that gives it back. The kernel drops it with the process, however
// that ends. On EFS, where flock becomes an NFS lock, the server drops it when
// the client's lease runs out, some 90 seconds after its end; the lock file
// itself means nothing and stays. Nothing is wrong without the lock either: two
// runs at once have staging folders of their own, and each publishes a whole
// generation by rename; they ask the mirror twice.
func lock(root string) (unlock func() error, err error) {
	// NFS gives an exclusive lock for a file open for writing alone.
	f, err := os.OpenFile(filepath.Join(root, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of definitions: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock definitions: %w", err), f.Close())
	}
	return func() error {
		// Close alone would leave the lock to a child that another goroutine has
		// just forked, until that one runs its program.
		return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
	}, nil
}
