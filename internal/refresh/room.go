package refresh

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/definitions"
)

// roomFactor is how many times the size of the current generation a run may
// need on the staging disk: its copy, what freshclam unpacks to apply
// incremental updates, and the new container that it makes of that.
const roomFactor = 3

// room wants the staging disk to have what a run may need. freshclam takes a
// full disk for a mirror that lags, and has cleared it away when it says so.
func room(stage string, current definitions.Generation) error {
	if current.Dir == "" {
		return nil // nobody knows
	}
	entries, err := os.ReadDir(current.Dir)
	if err != nil {
		return fmt.Errorf("measure definitions: %w", err)
	}
	var need uint64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("measure definitions: %w", err)
		}
		need += roomFactor * uint64(info.Size())
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(stage, &disk); err != nil {
		return fmt.Errorf("measure the staging disk: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < need {
		return fmt.Errorf("stage definitions: %w: %d bytes are free, a run may need %d", syscall.ENOSPC, free, need)
	}
	return nil
}
