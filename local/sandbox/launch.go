package sandbox

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// launch turns this process into the function. It returns when that fails, or when s is a probe.
func (s Spec) launch() error {
	runtime.LockOSThread() // a thread has its own capabilities, and execve keeps this one's
	// The end of the report's pipe tells that the program runs, and descriptors that the host inherited are not for the
	// program. The flag is of Linux 5.11.
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil {
		unix.CloseOnExec(3)
	}
	if err := s.limit(); err != nil {
		return err
	}
	path := s.Path
	var err error
	switch s.Level {
	case View:
		path = task + filepath.Base(s.Path)
		err = errors.Join(s.enter(), s.dropRights())
	case Guarded:
		err = errors.Join(s.forbidWrites(), os.Chdir(filepath.Dir(s.Path)))
	default:
		err = os.Chdir(filepath.Dir(s.Path))
	}
	if err != nil {
		return err
	}
	if s.Level >= Filtered {
		if err := load(s.Mask); err != nil {
			return err
		}
	}
	if s.Probe {
		return nil
	}
	// The first argument stays the path on this machine, so that a person sees which function it is.
	if err := syscall.Exec(path, []string{s.Path}, s.Env); err != nil {
		return fmt.Errorf("execute %s: %w", s.Path, err)
	}
	return nil
}

// limit sets the limits that were measured on Lambda, except where the hard limit is lower.
func (s Spec) limit() error {
	limits := map[int]syscall.Rlimit{
		syscall.RLIMIT_NOFILE: {Cur: 1024, Max: 1024},
		syscall.RLIMIT_CORE:   {Cur: 10 << 30, Max: 10 << 30},
		syscall.RLIMIT_STACK:  {Cur: 8 << 20, Max: math.MaxUint64},
		unix.RLIMIT_MEMLOCK:   {Cur: 64 << 10, Max: 64 << 10},
	}
	if s.User != nil && s.User.Alone {
		limits[unix.RLIMIT_NPROC] = syscall.Rlimit{Cur: maxThreads, Max: maxThreads}
	}
	for which, want := range limits {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(which, &now); err != nil {
			return fmt.Errorf("read limit %d: %w", which, err)
		}
		want.Max = min(want.Max, now.Max)
		want.Cur = min(want.Cur, want.Max)
		// Not of package unix: package syscall has to know of NOFILE for execve.
		if err := syscall.Setrlimit(which, &want); err != nil {
			return fmt.Errorf("set limit %d: %w", which, err)
		}
	}
	return nil
}

// dropRights gives up all privileges. Root takes the ids of the user. Other users are in a user namespace, where execve
// drops capabilities that are not ambient.
func (s Spec) dropRights() error {
	if s.User == nil {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return fmt.Errorf("give up capabilities: %w", err)
		}
		disarmRoot()
		return nil
	}
	err := errors.Join(syscall.Setgroups(s.User.Groups), syscall.Setgid(s.User.GID), syscall.Setuid(s.User.UID))
	if err != nil {
		return fmt.Errorf("become user %d: %w", s.User.UID, err)
	}
	return nil
}

// forbidWrites forbids writes except in /tmp and on the volume. Version 3 of Landlock (Linux 6.2) is the first that
// knows truncate.
func (s Spec) forbidWrites() error {
	writable := []string{s.Folder + "/tmp"}
	for _, m := range s.Mounts {
		writable = append(writable, m.Source)
	}
	err := landlock.V3.RestrictPaths(landlock.RODirs("/"), landlock.RWDirs(writable...).WithRefer(),
		landlock.RWFiles("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom").IgnoreIfMissing())
	if err != nil {
		return fmt.Errorf("forbid writes: %w", err)
	}
	disarmRoot()
	return nil
}

// disarmRoot makes execve give no capabilities to root, which is then nearly an ordinary user. It fails in a container
// without the right to do so, where root has few other rights.
func disarmRoot() {
	if os.Getuid() == 0 {
		_ = unix.Prctl(unix.PR_SET_SECUREBITS, secureNoRoot, 0, 0, 0)
	}
}

// secureNoRoot is SECBIT_NOROOT and SECBIT_NOROOT_LOCKED.
const secureNoRoot = 1<<0 | 1<<1
