package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Group is the group of fetch and scan on the volume, and one of freshclam's
// (PosixUser in infra/network.yaml).
const Group = 1000

// Prepare makes the folder at path, in which fetch and scan may write and
// freshclam may sweep, where it is missing. It is freshclam's task, whose the
// folder above is: who owns that could put other definitions in place.
func Prepare(path string) error {
	// Again where it exists: an earlier run may have been cut off in between.
	if err := os.Mkdir(path, 0o770); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the work folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("make the work folder: %w", err)
	}
	if info.Mode() == fs.ModeDir|fs.ModeSetgid|0o770 {
		return nil
	}
	// On the volume it has the group of the folder above (setgid), already.
	if there, ok := info.Sys().(*syscall.Stat_t); ok && there.Gid != Group {
		if err := os.Chown(path, -1, Group); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("give the work folder to its group: %w", err)
		}
	}
	if err := os.Chmod(path, 0o770|fs.ModeSetgid); err != nil { // Mkdir's mode went through the umask
		return fmt.Errorf("open the work folder to its group: %w", err)
	}
	return nil
}
