package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/testing/need"
)

// someone is the user that tests run functions as: root's choice, else nobody's.
func someone() *User {
	if os.Geteuid() != 0 {
		return nil
	}
	return &User{UID: 49_999, GID: 49_999, Alone: true}
}

// allowed skips what this machine cannot do, which CI's can.
func allowed(t *testing.T, level Level) {
	t.Helper()
	got, why := Probe(t.TempDir(), level, someone())
	if got != level {
		need.Allowed(t, fmt.Sprintf("level %d of the sandbox, and allows %d", level, got), why)
	}
}

// run runs the test binary in a sandbox, and returns what it printed and how it
// ended.
func run(t *testing.T, level Level, do string, change ...func(*Spec)) (string, Ending) {
	t.Helper()
	p, out := begin(t, level, do, change...)
	select {
	case <-p.Exited():
	case <-time.After(time.Minute):
		p.Kill()
		t.Fatal("it does not end")
	}
	return <-out, p.Ending()
}

// begin starts the test binary in a sandbox. The channel gets what it printed, at its end.
func begin(t *testing.T, level Level, do string, change ...func(*Spec)) (*Process, <-chan string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Everything on the way to the binary may be closed to another user, and so may
	// the binary: that is what a view is for.
	folder, err := MakeFolder(t.TempDir(), "env-")
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{
		Name:   "test",
		Path:   program,
		Env:    []string{"SANDBOX_TEST=" + do},
		Folder: folder,
		Memory: 1 << 30,
		Level:  level,
	}
	if level == View {
		s.User = someone()
	}
	for _, c := range change {
		c(&s)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	p, err := Start(s, w)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(r)
		out <- string(text)
	}()
	return p, out
}

func mustRun[T any](t *testing.T, level Level, do string, change ...func(*Spec)) (got T) {
	t.Helper()
	out, end := run(t, level, do, change...)
	if end.Status != 0 {
		t.Fatalf("%s: %s: %s", do, end, out)
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%s printed %q: %v", do, out, err)
	}
	return got
}

// TestCalls tries what Lambda refuses from inside a function.
func TestCalls(t *testing.T) {
	t.Parallel()
	fine := []string{
		"personality asked",
		"socket netlink",
		"socket unix",
		"memfd_create",
		"pidfd_open",
		"inotify_init1",
		"close_range",
	}
	missing := []string{
		"clone3",
		"landlock_create_ruleset",
		"epoll_pwait2",
		"mount_setattr",
		"memfd_secret",
		"futex_waitv",
		"cachestat",
		"fchmodat2",
	}
	other := map[string]syscall.Errno{"copy_file_range": unix.EBADF} // allowed, and wrong
	for _, level := range []Level{Filtered, Guarded, View} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			t.Parallel()
			allowed(t, level)
			for name, got := range mustRun[map[string]syscall.Errno](t, level, "calls") {
				want := unix.EPERM
				switch {
				case slices.Contains(fine, name):
					want = 0
				case slices.Contains(missing, name):
					want = unix.ENOSYS
				case other[name] != 0:
					want = other[name]
				case name == "setsid" && got == 0:
					continue // EPERM to the leader of a group, which it may be
				}
				if got != want {
					t.Errorf("%s: %v, want %v", name, got, want)
				}
			}
		})
	}
	// Without the filter they are answered otherwise, so that the test can fail.
	got := mustRun[map[string]syscall.Errno](t, Off, "calls")
	for _, name := range []string{"prctl", "prctl pdeathsig", "fallocate", "unshare", "clone3", "kcmp"} {
		if got[name] == unix.EPERM || got[name] == unix.ENOSYS {
			t.Errorf("without a filter %s: %v", name, got[name])
		}
	}
}

// TestMask takes away what may be refused on Lambda, and was not seen to be.
func TestMask(t *testing.T) {
	t.Parallel()
	allowed(t, Filtered)
	got := mustRun[map[string]syscall.Errno](
		t,
		Filtered,
		"calls",
		func(s *Spec) { s.Mask = []string{"memfd_create", "restart_syscall"} },
	)
	if got["memfd_create"] != unix.EPERM {
		t.Errorf("memfd_create: %v, want it refused", got["memfd_create"])
	}
}

// TestForeignCall runs a program that makes a call of 32-bit Linux.
func TestForeignCall(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("int 0x80 is x86's")
	}
	allowed(t, Filtered)
	path := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(path, foreign(), 0o755); err != nil {
		t.Fatal(err)
	}
	out, _ := run(t, Filtered, "foreign", func(s *Spec) { s.Env = append(s.Env, "FOREIGN="+path) })
	if !strings.Contains(out, "bad system call") {
		t.Errorf("it printed %q, want it killed by SIGSYS", out)
	}
}

// foreign is an ELF program: getpid by int 0x80, then exit(0).
func foreign() []byte {
	code := []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05}
	const base, head = 0x400000, 64 + 56
	var b []byte
	put := func(size int, values ...uint64) {
		for _, v := range values {
			for i := range size {
				b = append(b, byte(v>>(8*i)))
			}
		}
	}
	b = append(b, "\x7fELF\x02\x01\x01"...)
	b = append(b, make([]byte, 9)...)
	put(2, 2, 62)
	put(4, 1)
	put(8, base+head, 64, 0)
	put(4, 0)
	put(2, 64, 56, 1, 0, 0, 0)
	put(4, 1, 5)
	put(8, 0, base, base, head+uint64(len(code)), head+uint64(len(code)), 0x1000)
	return append(b, code...)
}

// TestView looks around from inside.
func TestView(t *testing.T) {
	t.Parallel()
	allowed(t, View)
	volume := t.TempDir()
	if err := os.Chmod(volume, 0o777); err != nil {
		t.Fatal(err)
	}
	// Closed to everybody else, as a stack's data folder is.
	if err := os.Chmod(filepath.Dir(volume), 0o700); err != nil {
		t.Fatal(err)
	}
	tried := []string{
		"/",
		"/etc",
		"/usr",
		"/var/task",
		"/dev",
		"/dev/shm",
		"/sys",
		"/home",
		"/root",
		"/run",
		"/tmp",
		"/mnt/lazaret",
		"/proc",
		"/proc/self",
		volume,
	}
	got := mustRun[sight](t, View, "look", func(s *Spec) {
		s.Mounts = []Mount{{Source: volume, Target: "/mnt/lazaret"}}
		s.Env = append(s.Env, "TRY="+strings.Join(tried, ":"))
	})
	if want := []string{"/tmp", "/mnt/lazaret"}; !slices.Equal(got.Written, want) {
		t.Errorf("it wrote in %v, want %v", got.Written, want)
	}
	for _, gone := range []string{"/dev/shm", "/sys", "/home", "/root", "/run", volume} {
		if slices.Contains(got.Seen, gone) {
			t.Errorf("it sees %s", gone)
		}
	}
	if want := []string{
		"full",
		"null",
		"random",
		"stderr",
		"stdin",
		"stdout",
		"urandom",
		"zero",
	}; !slices.Equal(
		got.Dev,
		want,
	) {
		t.Errorf("/dev has %v, want %v", got.Dev, want)
	}
	if got.Dir != "/var/task" {
		t.Errorf("it starts in %s, want /var/task", got.Dir)
	}
	if want := []string{"0", "1", "2"}; !slices.Equal(got.Descriptors, want) {
		t.Errorf("it has descriptors %v, want %v", got.Descriptors, want)
	}
	want := os.Getuid()
	if user := someone(); user != nil {
		want = user.UID
		if l := got.Limits["NPROC"]; l.Cur != maxThreads {
			t.Errorf("limit of processes is %+v, want %d", l, maxThreads)
		}
		if len(got.Groups) > 0 {
			t.Errorf("it has the groups %v, want none", got.Groups)
		}
	}
	if got.UID != want {
		t.Errorf("it runs as %d, want %d", got.UID, want)
	}
	for _, line := range []string{
		"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapAmb:\t0000000000000000",
		"NoNewPrivs:\t1", "Seccomp:\t2",
	} {
		if !strings.Contains(got.Status, line) {
			t.Errorf("its status lacks %q:\n%s", line, got.Status)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	got := mustRun[sight](t, Off, "look").Limits
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	if l := got["NOFILE"]; l.Cur != 1024 || l.Max != 1024 {
		t.Errorf("NOFILE is %+v, want 1024", l)
	}
	if l := got["MEMLOCK"]; l.Cur > 64<<10 {
		t.Errorf("MEMLOCK is %+v, want 64 KiB", l)
	}
	if l, want := got["CORE"], min(core.Max, 10<<30); l.Max != want {
		t.Errorf("CORE is %+v, want %d", l, want)
	}
}

// TestGuarded is for machines without user namespaces.
func TestGuarded(t *testing.T) {
	t.Parallel()
	allowed(t, Guarded)
	volume, elsewhere := t.TempDir(), t.TempDir()
	var temp string
	got := mustRun[sight](t, Guarded, "look", func(s *Spec) {
		temp = s.Folder + "/tmp"
		s.Mounts = []Mount{{Source: volume, Target: "/mnt/lazaret"}}
		s.Env = append(s.Env, "TRY="+strings.Join([]string{temp, volume, elsewhere, "/dev/shm", "/tmp"}, ":"))
	})
	if want := []string{temp, volume}; !slices.Equal(got.Written, want) {
		t.Errorf("it wrote in %v, want %v", got.Written, want)
	}
	if !strings.Contains(got.Status, "CapEff:\t0000000000000000") {
		t.Errorf("it has capabilities:\n%s", got.Status)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	small := func(s *Spec) { s.Memory = 48 << 20 }
	if out, end := run(t, Off, "hog", small); !end.OutOfMemory || end.Status.Signal() != syscall.SIGKILL {
		t.Errorf("a program that takes too much ended %+v, want it killed: %s", end, out)
	}
	// As the kernel does on Lambda, the largest dies alone.
	out, end := run(t, Off, "child-hogs", small)
	if end.OutOfMemory || end.Status != 0 || !strings.Contains(out, "signal: killed") {
		t.Errorf("the parent of one ended %+v, want it to go on: %s", end, out)
	}
}

// TestIdleMemory takes memory while no invocation is under way.
func TestIdleMemory(t *testing.T) {
	t.Parallel()
	p, out := begin(t, Off, "hog", func(s *Spec) { s.Memory = 48 << 20 })
	p.SetIdle(true)
	select {
	case <-p.Exited():
	case <-time.After(time.Minute):
		p.Kill()
		t.Fatal("an idle program that takes too much goes on, want it killed")
	}
	if end := p.Ending(); !end.OutOfMemory {
		t.Errorf("an idle program that takes too much ended %+v, want OutOfMemory: %s", end, <-out)
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	out, end := run(t, Off, "threads")
	if end.Status.Signal() != syscall.SIGKILL || !strings.Contains(out, "Lambda allows 742") {
		t.Errorf("900 threads ended %s: %s", end, out)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Start(Spec{Name: "test", Path: path, Folder: t.TempDir(), Memory: 1}, os.Stdout)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "exec format error") {
		t.Errorf("a text starts with %v", err)
	}
}

// TestProfile is for the images' tests: what Docker loads is what the launcher
// loads.
func TestProfile(t *testing.T) {
	t.Parallel()
	text, err := Profile()
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		DefaultAction string
		Syscalls      []struct {
			Names    []string
			ErrnoRet int
			Args     []struct {
				Index, Value, ValueTwo uint64
				Op                     string
			}
		}
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	refused := map[string]int{}
	for _, c := range p.Syscalls {
		for _, name := range c.Names {
			refused[name] = c.ErrnoRet
		}
		for _, a := range c.Args {
			if a.Op == "" {
				t.Errorf("%v has a condition that Docker does not know", c.Names)
			}
		}
	}
	for _, r := range rules {
		for _, name := range r.names {
			if refused[name] != int(r.errno) {
				t.Errorf("%s is answered by %d, want %d", name, refused[name], r.errno)
			}
		}
	}
	if p.DefaultAction != "SCMP_ACT_ALLOW" {
		t.Errorf("the default is %s", p.DefaultAction)
	}
}
