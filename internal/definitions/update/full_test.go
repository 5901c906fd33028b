package update

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// inNamespace runs the calling test again in a child process with its own mount namespace, and reports
// whether this is the child. A user other than root gets the capability to mount in a user namespace
// and keeps its user id, because freshclam as root would try to change groups.
func inNamespace(t *testing.T) bool {
	t.Helper()
	need.Clamd(t)
	need.Freshclam(t)
	const mark = "LAZARET_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=15m")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	runtime.LockOSThread() // for the kernel the thread is the parent of the child
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a mount namespace: %v\n%s", err, out)
	}
	return false
}

func mount(t *testing.T, dir, options string) {
	t.Helper()
	if err := unix.Mount("disk", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// fill leaves less space than any set needs, and returns the file to remove.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !isFull(err) {
		t.Fatal(err)
	}
	return path
}

// TestFullDisks fills the staging disk, and then the volume.
func TestFullDisks(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	tests := []struct {
		name string
		dir  func(*bench) string
	}{
		{"staging disk", func(b *bench) string { return b.Staging }},
		{"volume", func(b *bench) string { return b.Root }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			if err := os.MkdirAll(b.Root, 0o755); err != nil {
				t.Fatal(err)
			}
			mount(t, tt.dir(b), "size=256k")
			b.offer(1)
			b.run()
			one := b.current(1)
			b.offer(2)
			filler := fill(t, tt.dir(b))
			s := b.run()
			if s.Outcome != freshclam.NoSpace || s.Detail == "" || s.Published {
				t.Errorf("status is %+v, want no-space", s)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if got := b.current(1); got != one {
				t.Errorf("current became %+v, want the first generation", got)
			}
			if s := b.run(); s.Outcome != freshclam.Updated {
				t.Errorf("with room again the status is %+v, want updated", s)
			}
			b.current(2)
		})
	}
}
