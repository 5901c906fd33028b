package update

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions/freshclam"
)

// child returns a run in its own process and process group: on Lambda all processes of a function end
// with it.
func (b *bench) child() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(
		os.Environ(),
		"LAZARET_TEST_REFRESH="+b.Root,
		"LAZARET_TEST_STAGING="+b.Staging,
		"LAZARET_TEST_MIRROR="+b.mirror.URL,
	)
	return cmd
}

// TestKilled kills runs at later and later points, from before the lock to after the end. After each,
// current must be usable, the lock must be free, and the next run must reach the version of the killed
// one.
func TestKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	start := time.Now()
	if out, err := b.child().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(start) + 50*time.Millisecond
	b.current(1)
	const rounds = 16
	for round := range rounds {
		version := 2 + round
		b.offer(version)
		cmd := b.child()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Each round kills the run at another point.
		time.Sleep(whole * time.Duration(round) / rounds)
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		g, err := b.store.Current()
		if err != nil || g.Version < version-1 || g.Version > version {
			t.Fatalf("round %d: current is %+v, %v, want the last version or the one before", round, g, err)
		}
		b.current(g.Version)
		if s := b.run(); s.Outcome != freshclam.Updated && s.Outcome != freshclam.Current {
			t.Errorf("round %d: the next run is %+v, want updated or current", round, s)
		}
		b.current(version)
	}
}

// TestKilledRunReleasesLock holds the lock in a process that is stopped, so that only its end can
// release the lock.
func TestKilledRunReleasesLock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	defer close(answer)
	b.mirror.Handle("*", hold(asked, answer))
	cmd := b.child()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if s := b.run(); s.Outcome != Busy {
		t.Errorf("status is %+v, want busy", s)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	b.mirror.Handle("*", nil)
	if s := b.run(); s.Outcome != freshclam.Updated {
		t.Errorf("status is %+v, want updated", s)
	}
	b.current(1)
}
