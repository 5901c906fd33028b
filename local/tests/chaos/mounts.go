package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownMounts is the variable that tells the program that it runs in a mount namespace of its own.
const ownMounts = "LAZARET_CHAOS_OWN_MOUNTS"

func hasOwnMounts() bool { return os.Getenv(ownMounts) != "" }

// runWithOwnMounts runs this program again in a mount namespace, in which it can mount a small volume to fill it; the
// mount ends with the program. Another user than root is root in there. It returns the exit code, or an error if the
// program could not be started so.
func runWithOwnMounts(args []string) (int, error) {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	// A terminal sends its signals to the child too; others are passed on.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s with mounts of its own: %w", cmd, err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // fails if it has ended
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 2, nil
	}
	return max(cmd.ProcessState.ExitCode(), 0), nil
}

// volumeSize is the size of the mounted volume in bytes: room for the work files of a run, and soon filled.
const volumeSize = 256 << 20

// mountVolume mounts a file system of volumeSize at a folder that exists.
func mountVolume(folder string) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to this program: %w", err)
	}
	options := fmt.Sprintf("size=%d,mode=755", volumeSize)
	if err := unix.Mount("chaos", folder, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mount a small volume: %w", err)
	}
	return nil
}

func unmountVolume(folder string) error {
	if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", folder, err)
	}
	return nil
}
