package update

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errBusy: another run holds the lock.
var errBusy = errors.New("another run is at work")

// lock takes the lock of the store at root without waiting, and returns the function that releases it.
// The kernel releases it when the process ends. On EFS, where flock becomes an NFS lock, the server
// releases it when the client's lease ends, some 90 seconds later. The content of the lock file has no
// meaning. The lock only saves work: two runs at once have their own staging folders, and each
// publishes a whole generation by rename.
func lock(root string) (unlock func() error, err error) {
	// NFS grants an exclusive lock only for a file that is open for writing.
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
		// Close alone would leave the lock to a child process that another goroutine has just forked, until
		// that runs its program.
		return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
	}, nil
}
