package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// fault is one disturbance of the schedule.
type fault struct {
	name string
	do   func(ctx context.Context, r *run) (happened string, err error)
}

// faultKinds returns what makes a fault of each kind. The functions are those that the layout has.
func faultKinds(functions []string) (kinds []func(*rand.Rand) fault) {
	for _, name := range append([]string{"clamd"}, functions...) {
		kinds = append(kinds,
			func(*rand.Rand) fault { return killed(name) },
			func(r *rand.Rand) fault { return paused(name, seconds(r, 1, 4)) })
	}
	for _, service := range []string{"s3", "states", "sqs", ""} {
		kinds = append(kinds, func(r *rand.Rand) fault {
			o := &outage{service: service, how: pick(r, internalError, slowDown, throttled, closedBefore, doneAndFailed)}
			if service == "" {
				o.function = pick(r, functions...)
			}
			return outageFor(o, seconds(r, 1, 4))
		})
	}
	always := func(f fault) func(*rand.Rand) fault { return func(*rand.Rand) fault { return f } }
	return append(kinds,
		always(fault{"kill -9 of the whole stack", restarted(syscall.SIGKILL)}),
		always(fault{"end and start of the stack", restarted(syscall.SIGTERM)}),
		func(r *rand.Rand) fault { return pausedStack(seconds(r, 1, 3)) },
		always(fault{"work folder removed", workFolderRemoved}),
		always(fault{"work folder moved", workFolderMoved}),
		func(r *rand.Rand) fault { return fullDisk(seconds(r, 1, 4)) },
		always(fault{"new definitions", newDefinitions}),
		func(r *rand.Rand) fault { return duplicates(r.Uint64()) },
		always(fault{"messages that are no uploads", garbage}),
		always(fault{"dead letters redriven", redriven}),
		always(fault{"a permit lost", permitLost}),
		always(fault{"a permit too many", permitTooMany}),
		func(r *rand.Rand) fault { return aborted(r.Uint64()) },
		func(r *rand.Rand) fault { return rescanned(r.Uint64()) },
	)
}

func seconds(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(1000*from+r.IntN(1000*(to-from))) * time.Millisecond
}

// processWithin bounds the wait for a process to kill or to stop. A function that no object needs has none.
const processWithin = 5 * time.Second

// withProcesses calls do with the processes of a function, or of clamd, as soon as there is one.
func withProcesses(
	ctx context.Context, r *run, name string, do func([]harness.Process) (string, error),
) (happened string, err error) {
	waiting, cancel := context.WithTimeout(ctx, processWithin)
	defer cancel()
	err = poll(waiting, 20*time.Millisecond, func() (found bool, err error) {
		happened, err = r.stack.inspect(func(m *harness.Machine) (string, error) {
			processes := processesOf(m, name)
			if found = len(processes) > 0; !found {
				return "no process of it was running", nil
			}
			return do(processes)
		})
		return found, err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return happened, nil
	}
	return happened, err
}

// killed kills one process of a function with all that it has in work, or one clamd.
func killed(name string) fault {
	return fault{"kill -9 of " + name, func(ctx context.Context, r *run) (string, error) {
		return withProcesses(ctx, r, name, func(found []harness.Process) (string, error) {
			return fmt.Sprintf("process %d of %d", found[0].PID, len(found)),
				ignoreEnded(syscall.Kill(found[0].PID, syscall.SIGKILL))
		})
	}}
}

// ignoreEnded drops the error of a signal to a process that has ended by itself.
func ignoreEnded(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// paused stops all processes of a function, or all engines, and continues them later.
func paused(name string, d time.Duration) fault {
	what := fmt.Sprintf("SIGSTOP of %s for %.1f s", name, d.Seconds())
	return fault{what, func(ctx context.Context, r *run) (string, error) {
		return withProcesses(ctx, r, name, func(found []harness.Process) (string, error) {
			r.later(d, func() error { return signalAll(found, syscall.SIGCONT) })
			return fmt.Sprintf("%d processes", len(found)), signalAll(found, syscall.SIGSTOP)
		})
	}}
}

func signalAll(processes []harness.Process, signal syscall.Signal) (err error) {
	for _, p := range processes {
		err = errors.Join(err, ignoreEnded(syscall.Kill(p.PID, signal)))
	}
	return err
}

// pausedStack stops the local stack itself.
func pausedStack(d time.Duration) fault {
	what := fmt.Sprintf("SIGSTOP of the stack for %.1f s", d.Seconds())
	return fault{what, func(ctx context.Context, r *run) (string, error) {
		return r.stack.inspect(func(m *harness.Machine) (string, error) {
			if err := syscall.Kill(m.PID(), syscall.SIGSTOP); err != nil {
				return "", err
			}
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
			return "", syscall.Kill(m.PID(), syscall.SIGCONT)
		})
	}}
}

// restarted ends the stack with a signal and starts it again on the same data.
func restarted(signal syscall.Signal) func(context.Context, *run) (string, error) {
	return func(_ context.Context, r *run) (string, error) {
		began := time.Now()
		err := r.stack.restart(signal)
		return fmt.Sprintf("ready again after %.1f s", time.Since(began).Seconds()), err
	}
}

// outageFor has half of the calls that match fail for some time.
func outageFor(o *outage, d time.Duration) fault {
	return fault{fmt.Sprintf("outage of %s for %.1f s", o, d.Seconds()), func(_ context.Context, r *run) (string, error) {
		end := r.proxy.begin(o)
		r.later(d, func() error { end(); return nil })
		return "", nil
	}}
}

func workFolderRemoved(_ context.Context, r *run) (string, error) {
	entries, _ := os.ReadDir(r.stack.workFolder()) // shown only
	// A function may create a file while the folder is removed.
	var err error
	for range 100 {
		if err = os.RemoveAll(r.stack.workFolder()); err == nil {
			break
		}
	}
	return fmt.Sprintf("with %d files", len(entries)), err
}

func workFolderMoved(_ context.Context, r *run) (string, error) {
	aside := filepath.Join(r.stack.data, fmt.Sprintf("moved-%d", time.Now().UnixNano()))
	if r.small {
		aside = filepath.Join(r.stack.volume(), filepath.Base(aside)) // the same file system
	}
	err := os.Rename(r.stack.workFolder(), aside)
	if errors.Is(err, os.ErrNotExist) {
		return "there was none", nil
	}
	return "to " + filepath.Base(aside), err
}

// fullDisk fills the volume.
func fullDisk(d time.Duration) fault {
	return fault{fmt.Sprintf("full disk for %.1f s", d.Seconds()), func(_ context.Context, r *run) (string, error) {
		if !r.small {
			return "left out: this machine lets this user mount nothing", nil
		}
		ballast := filepath.Join(r.stack.volume(), "ballast")
		err := os.WriteFile(ballast, make([]byte, volumeSize), 0o600)
		r.later(d, func() error { return os.Remove(ballast) })
		if errors.Is(err, syscall.ENOSPC) {
			return "", nil
		}
		return "", fmt.Errorf("fill the volume: got error %w, want no space left", err)
	}}
}

// newDefinitions publishes another generation of the test definitions.
func newDefinitions(ctx context.Context, r *run) (string, error) {
	dir, err := os.MkdirTemp(r.work, "definitions-")
	if err != nil {
		return "", fmt.Errorf("prepare definitions: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := definitions.WriteTest(dir); err != nil {
		return "", err
	}
	// A hash of nothing that is uploaded makes the set another one.
	line := fmt.Sprintf("%032x:%d:Chaos-%[2]d\n", r.seed, time.Now().UnixNano()%1e9+1)
	if err := os.WriteFile(filepath.Join(dir, "chaos.hdb"), []byte(line), 0o644); err != nil {
		return "", fmt.Errorf("prepare definitions: %w", err)
	}
	g, err := definitions.Open(filepath.Join(r.stack.volume(), "lazaret", "definitions")).Publish(ctx, dir)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full", nil
	case err != nil:
		return "", err
	}
	return "generation " + g.Fingerprint[:8], nil
}
