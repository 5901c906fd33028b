package endtoend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestFullVolume fills the volume. An object that cannot be fetched waits, and is a dead letter then. The volume can
// be used afterwards.
func TestFullVolume(t *testing.T) {
	t.Parallel()
	m := startWithSmallVolume(t, 4<<20)
	infected := append(sample.Filler(300<<10), eicar.Bytes()...)

	tooBig := m.Put(t, "larger than the volume", append(sample.Filler(6<<20), eicar.Bytes()...))
	if r := m.Await(t, tooBig); !lacksRoom(r) || occurrences(m.retried(t, r), "Fetch") != 5 {
		t.Errorf(
			"%s: got %+v after retries of %v, want no space left after five of Fetch",
			tooBig,
			r.Failure,
			m.retried(t, r),
		)
	}
	next := m.Put(t, "next", infected)
	m.Await(t, next)

	ballast := m.inside("volume", "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the volume: %v", err)
	}
	early := m.Put(t, "early", infected)
	if r := m.Await(t, early); !lacksRoom(r) {
		t.Errorf("%s on a full volume: got %+v, %+v, want no space left", early, r.Failure, r.States)
	}
	m.checkEnds(t, map[job.Object]end{tooBig: endDeadLetter, next: endQuarantined, early: endDeadLetter})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	late := m.Put(t, "late", infected)
	m.Await(t, late)
	m.redriveAll(t)
	for o, status := range map[job.Object]string{early: "SUCCEEDED", tooBig: "FAILED"} {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); string(r.Status) != status {
			t.Errorf("%s: second attempt: got %s, %+v, want %s", o, r.Status, r.Failure, status)
		}
	}
	m.checkEnds(
		t,
		map[job.Object]end{tooBig: endDeadLetter, next: endQuarantined, early: endQuarantined, late: endQuarantined},
	)
	if left, err := os.ReadDir(m.inside("volume", "lazaret", "work")); err != nil || len(left) > 0 {
		t.Errorf("got the work files %v, %v, want none", left, err)
	}
}

func lacksRoom(r harness.Result) bool {
	return r.Failure.Error == job.Name(job.ErrTransient) && strings.Contains(r.Failure.Cause, "no space left") &&
		r.Job.Scan == nil
}

// startWithSmallVolume starts a machine whose shared volume has this size. The volume is mounted in a namespace of
// the machine, so that it need not be unmounted; another user than root is root in there.
func startWithSmallVolume(t *testing.T, size int) *machine {
	t.Helper()
	data := t.TempDir()
	return startMounted(t, data, filepath.Join(data, "volume"), size, "--time-scale", "200")
}

// startMounted starts a machine with a file system of this size at a folder.
func startMounted(t *testing.T, data, folder string, size int, flags ...string) *machine {
	t.Helper()
	need.OwnMachine(t)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := harness.Command(t, append([]string{"local", "--port", "0", "--data", data}, flags...)...)
	mount := fmt.Sprintf(`mount --make-rprivate / && mount -t tmpfs -o size=%d,mode=755 work "$0" && exec "$@"`, size)
	cmd.Args = append([]string{"sh", "-c", mount, folder, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	m, err := harness.LaunchCommand(cmd, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &machine{Machine: m}
}

// inside returns a path in the data folder as the machine sees it.
func (m *machine) inside(path ...string) string {
	return filepath.Join(append([]string{"/proc", fmt.Sprint(m.PID()), "root", m.Data}, path...)...)
}
