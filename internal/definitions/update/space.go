package update

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/definitions"
)

// spaceFactor is how many times the size of the current generation a run may need on the staging disk:
// for its copy, for what freshclam unpacks to apply incremental updates, and for the new container
// that it makes of that.
const spaceFactor = 3

// checkFreeSpace returns an ENOSPC if the staging disk may be too small for a run. freshclam reports a
// full disk as a mirror that lags, and has removed its files by then.
func checkFreeSpace(stage string, current definitions.Generation) error {
	if current.Dir == "" {
		return nil // the size is not known
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
		need += spaceFactor * uint64(info.Size())
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(stage, &disk); err != nil {
		return fmt.Errorf("measure the staging disk: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < need {
		return fmt.Errorf("stage definitions: %w: %d bytes are free, want %d", syscall.ENOSPC, free, need)
	}
	return nil
}
