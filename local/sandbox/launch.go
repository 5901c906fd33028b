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

// launch makes of this process what s says. It returns only why it could not.
func (s Spec) launch() error {
	runtime.LockOSThread() // capabilities belong to threads, and execve keeps this one's
	// The report's end tells that the program runs, and nothing that the host got from
	// its own parent is the program's. The call is of Linux 5.11.
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
		err = errors.Join(s.enter(), s.become())
	case Guarded:
		err = errors.Join(s.guard(), os.Chdir(filepath.Dir(s.Path)))
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
	// The first argument stays the path on this machine: it tells a person which
	// function it is.
	if err := syscall.Exec(path, []string{s.Path}, s.Env); err != nil {
		return fmt.Errorf("execute %s: %w", s.Path, err)
	}
	return nil
}

// limit sets the limits that were measured on Lambda. A hard limit that is lower
// already stays.
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
		// The syscall package's own: it keeps a second account of NOFILE for execve.
		if err := syscall.Setrlimit(which, &want); err != nil {
			return fmt.Errorf("set limit %d: %w", which, err)
		}
	}
	return nil
}

// become gives up every right. As root it takes the user's ids; else it is in a
// user namespace of its own, in which execve drops what it does not have ambient.
func (s Spec) become() error {
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

// guard forbids writes elsewhere than in /tmp and on the volume. Version 3 of
// Landlock (Linux 6.2) is the first that knows truncate.
func (s Spec) guard() error {
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

// disarmRoot takes the capabilities of a root that stays root: without them it is
// nearly an ordinary user. Best effort: a container may have taken the right to this
// away, and most others with it.
func disarmRoot() {
	if os.Getuid() == 0 {
		_ = unix.Prctl(unix.PR_SET_SECUREBITS, secureNoRoot, 0, 0, 0)
	}
}

// secureNoRoot is SECBIT_NOROOT with its lock: execve gives root no capability.
const secureNoRoot = 1<<0 | 1<<1
