package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// TestFullVolume leaves no room for work files: what cannot be fetched waits,
// then becomes a dead letter, and the volume is as usable afterwards as before.
func TestFullVolume(t *testing.T) {
	t.Parallel()
	m := startSmall(t, 4<<20)
	infected := append(sample.Filler(300<<10), eicar.Bytes()...)

	tooBig := m.Put(t, "larger than the volume", append(sample.Filler(6<<20), eicar.Bytes()...))
	if r := m.Await(t, tooBig); !lacksRoom(r) || count(m.retried(t, r), "Fetch") != 5 {
		t.Errorf("%s: %+v after retries of %v", tooBig, r.Dead, m.retried(t, r))
	}
	next := m.Put(t, "next", infected)
	m.Await(t, next)

	ballast := m.inside("volume", "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the volume: %v", err)
	}
	early := m.Put(t, "early", infected)
	if r := m.Await(t, early); !lacksRoom(r) {
		t.Errorf("%s on a full volume: %+v, %+v", early, r.Dead, r.States)
	}
	m.checkEnds(t, map[job.Object]end{tooBig: endDead, next: endQuarantined, early: endDead})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	late := m.Put(t, "late", infected)
	m.Await(t, late)
	m.moveBack(t)
	for o, status := range map[job.Object]string{early: "SUCCEEDED", tooBig: "FAILED"} {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); string(r.Status) != status {
			t.Errorf("%s: attempt 1: %s, %+v", o, r.Status, r.Dead)
		}
	}
	m.checkEnds(t, map[job.Object]end{tooBig: endDead, next: endQuarantined, early: endQuarantined, late: endQuarantined})
	if left, err := os.ReadDir(m.inside("volume", "lazaret", "work")); err != nil || len(left) > 0 {
		t.Errorf("on the volume there are still %v, %v", left, err)
	}
}

func lacksRoom(r Result) bool {
	return r.Dead.Error == job.Name(job.ErrTransient) && strings.Contains(r.Dead.Cause, "no space left") && r.Job.Scan == nil
}

// startSmall starts a machine whose shared volume holds so many bytes. The
// volume is mounted where the machine alone sees it, so that nothing has to be
// unmounted; users other than root are root in there.
func startSmall(t *testing.T, size int) *Machine {
	t.Helper()
	data := t.TempDir()
	return startMounted(t, data, filepath.Join(data, "volume"), size, "--time-scale", "200")
}

// startMounted starts a machine for which a folder is a disk of so many bytes.
func startMounted(t *testing.T, data, folder string, size int, flags ...string) *Machine {
	t.Helper()
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd, err := Command(append([]string{"local", "--port", "0", "--data", data}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	mount := fmt.Sprintf(`mount --make-rprivate / && mount -t tmpfs -o size=%d,mode=755 work "$0" && exec "$@"`, size)
	cmd.Args = append([]string{"sh", "-c", mount, folder, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	m, err := launch(cmd, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// inside is a path in the data folder as the machine itself sees it.
func (m *Machine) inside(path ...string) string {
	return filepath.Join(append([]string{"/proc", fmt.Sprint(m.PID()), "root", m.Data}, path...)...)
}
