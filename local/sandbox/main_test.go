package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the function of its own tests.
func TestMain(m *testing.M) {
	if do := os.Getenv("SANDBOX_TEST"); do != "" {
		if err := act(do); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// act does one thing inside the sandbox.
func act(do string) error {
	switch do {
	case "calls":
		return json.NewEncoder(os.Stdout).Encode(tryAll())
	case "look":
		return json.NewEncoder(os.Stdout).Encode(look())
	case "foreign":
		return exec.Command(os.Getenv("FOREIGN")).Run()
	case "hog":
		hog(64 << 20)
	case "child-hogs":
		cmd := exec.Command(os.Args[0])
		cmd.Path = self
		cmd.Env = []string{"SANDBOX_TEST=hog"}
		fmt.Println(cmd.Run())
	case "threads":
		for range 900 {
			go func() {
				runtime.LockOSThread()
				time.Sleep(time.Hour)
			}()
		}
		time.Sleep(time.Minute)
	}
	return nil
}

func hog(n int) {
	piece := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		piece[i] = 1
	}
	time.Sleep(time.Minute)
	runtime.KeepAlive(piece)
}

// attempts are the calls that are tried, with arguments that do no harm where they
// are allowed.
var attempts = map[string][7]uintptr{
	"prctl":           {unix.SYS_PRCTL, unix.PR_GET_DUMPABLE},
	"prctl pdeathsig": {unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0},
	"seccomp":         {unix.SYS_SECCOMP, 99},
	"fallocate":       {unix.SYS_FALLOCATE, 99},
	// Of process 0, which is none: a process that asks to be traced stops at its next signal.
	"ptrace":                  {unix.SYS_PTRACE, unix.PTRACE_ATTACH, 0},
	"bpf":                     {unix.SYS_BPF, 999},
	"perf_event_open":         {unix.SYS_PERF_EVENT_OPEN},
	"mount":                   {unix.SYS_MOUNT},
	"umount2":                 {unix.SYS_UMOUNT2},
	"pivot_root":              {unix.SYS_PIVOT_ROOT},
	"chroot":                  {unix.SYS_CHROOT},
	"reboot":                  {unix.SYS_REBOOT},
	"swapon":                  {unix.SYS_SWAPON},
	"acct":                    {unix.SYS_ACCT, 1},
	"quotactl":                {unix.SYS_QUOTACTL},
	"clock_settime":           {unix.SYS_CLOCK_SETTIME, 99},
	"sethostname":             {unix.SYS_SETHOSTNAME, 1, 1},
	"unshare":                 {unix.SYS_UNSHARE},
	"setns":                   {unix.SYS_SETNS, 99},
	"process_vm_readv":        {unix.SYS_PROCESS_VM_READV},
	"kcmp":                    {unix.SYS_KCMP},
	"pidfd_getfd":             {unix.SYS_PIDFD_GETFD, 99},
	"io_uring_setup":          {unix.SYS_IO_URING_SETUP},
	"userfaultfd":             {unix.SYS_USERFAULTFD, 0xffff},
	"keyctl":                  {unix.SYS_KEYCTL, 999},
	"add_key":                 {unix.SYS_ADD_KEY},
	"name_to_handle_at":       {unix.SYS_NAME_TO_HANDLE_AT, 99},
	"open_by_handle_at":       {unix.SYS_OPEN_BY_HANDLE_AT, 99},
	"clone newuser":           {unix.SYS_CLONE, unix.CLONE_NEWUSER | unix.CLONE_SIGHAND},
	"clone newnet":            {unix.SYS_CLONE, unix.CLONE_NEWNET | unix.CLONE_SIGHAND},
	"personality":             {unix.SYS_PERSONALITY, 0x0400000},
	"personality asked":       {unix.SYS_PERSONALITY, 0xffffffff},
	"clone3":                  {unix.SYS_CLONE3},
	"landlock_create_ruleset": {unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1},
	"epoll_pwait2":            {unix.SYS_EPOLL_PWAIT2, 99},
	"mount_setattr":           {unix.SYS_MOUNT_SETATTR},
	"memfd_secret":            {unix.SYS_MEMFD_SECRET, 0xffff},
	"futex_waitv":             {unix.SYS_FUTEX_WAITV},
	"cachestat":               {unix.SYS_CACHESTAT, 99},
	"fchmodat2":               {unix.SYS_FCHMODAT2, 99},
	"socket packet":           {unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_DGRAM},
	"socket raw":              {unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW | unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP},
	"socket netlink":          {unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW | unix.SOCK_CLOEXEC},
	"socket unix":             {unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC},
	"pidfd_open":              {unix.SYS_PIDFD_OPEN, uintptr(os.Getpid())},
	"inotify_init1":           {unix.SYS_INOTIFY_INIT1},
	"close_range":             {unix.SYS_CLOSE_RANGE, 1000, 1001},
	"copy_file_range":         {unix.SYS_COPY_FILE_RANGE, 99, 0, 99},
	"setsid":                  {unix.SYS_SETSID},
}

// tryAll makes each call and returns the error numbers.
func tryAll() map[string]syscall.Errno {
	runtime.LockOSThread()
	got := map[string]syscall.Errno{}
	for name, a := range attempts {
		_, _, got[name] = unix.RawSyscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
	}
	fd, err := unix.MemfdCreate("x", 0)
	got["memfd_create"], _ = err.(syscall.Errno) //nolint:errorlint // it is one, or nil
	if err == nil {
		unix.Close(fd)
	}
	return got
}

// sight is what a function sees of its environment.
type sight struct {
	UID, GID    int
	Groups      []int
	Dir         string
	Environ     []string
	Descriptors []string
	Written     []string // of the folders tried
	Seen        []string // of the paths tried
	Dev         []string
	Limits      map[string]syscall.Rlimit
	Status      string
}

func look() sight {
	s := sight{UID: os.Getuid(), GID: os.Getgid(), Environ: os.Environ(), Limits: map[string]syscall.Rlimit{}}
	s.Groups, _ = os.Getgroups()
	s.Dir, _ = os.Getwd()
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && !strings.HasPrefix(target, "anon_inode:") &&
			!strings.HasPrefix(target, "/proc/") {
			s.Descriptors = append(s.Descriptors, filepath.Base(fd))
		}
	}
	for dir := range strings.SplitSeq(os.Getenv("TRY"), ":") {
		if err := os.WriteFile(dir+"/written", nil, 0o600); err == nil {
			s.Written = append(s.Written, dir)
			_ = os.Remove(dir + "/written")
		}
		if _, err := os.Stat(dir); err == nil {
			s.Seen = append(s.Seen, dir)
		}
	}
	entries, _ := os.ReadDir("/dev")
	for _, e := range entries {
		s.Dev = append(s.Dev, e.Name())
	}
	for name, which := range map[string]int{
		"NOFILE": syscall.RLIMIT_NOFILE, "CORE": syscall.RLIMIT_CORE,
		"MEMLOCK": unix.RLIMIT_MEMLOCK, "NPROC": unix.RLIMIT_NPROC,
	} {
		var l syscall.Rlimit
		_ = syscall.Getrlimit(which, &l)
		s.Limits[name] = l
	}
	status, _ := os.ReadFile("/proc/self/status")
	s.Status = string(status)
	return s
}
