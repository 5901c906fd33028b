package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxThreads is the RLIMIT_NPROC that was measured on Lambda, for all processes
	// and threads together.
	maxThreads = 742
	// glance is how often memory and threads are looked at.
	glance = 250 * time.Millisecond
)

// keeper is the state of the keeper process.
type keeper struct {
	main   int // the function's process id
	memory int64

	mu     sync.Mutex
	frozen bool
	ending Ending
}

// keep is the keeper's main function. It returns when no process is left.
func keep(s Spec) error {
	// The launcher is killed when the thread that started it ends: see start.
	runtime.LockOSThread()
	commands, said := os.NewFile(3, "commands"), json.NewEncoder(os.NewFile(4, "events"))
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	// Whatever loses its parent becomes a child of this process and not of init.
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	k := &keeper{memory: s.Memory}
	if err == nil {
		k.main, err = s.start()
	}
	if err != nil {
		return said.Encode(event{Error: err.Error()})
	}
	if err := said.Encode(event{}); err != nil {
		k.killAll() // nobody is there any more
	}
	go k.obey(commands)
	go k.watch()
	k.reap()
	k.mu.Lock()
	defer k.mu.Unlock()
	return said.Encode(event{Ending: k.ending})
}

// start runs the launcher and returns when it has become the program.
func (s Spec) start() (pid int, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer reading.Close()
	cmd := &exec.Cmd{
		Path: self, Args: []string{launcherName, s.Name}, Env: []string{specVariable + "=" + string(text)},
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{writing},
		// Pdeathsig is for a keeper that is killed: then nobody is left to end the
		// function, but this ends it at least.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if s.Level == View {
		s.separate(cmd.SysProcAttr)
	}
	err = cmd.Start()
	writing.Close()
	if err != nil {
		return 0, fmt.Errorf("make namespaces: %w", err)
	}
	why, err := io.ReadAll(reading)
	if len(why) > 0 {
		err = errors.New(string(why))
	}
	if err != nil {
		return 0, errors.Join(err, ignoreExit(cmd.Wait()))
	}
	return cmd.Process.Pid, nil
}

// separate asks for the namespaces in which a view can be built. Whoever is not
// root needs a user namespace for it, in which he is himself.
func (s Spec) separate(attr *syscall.SysProcAttr) {
	attr.Cloneflags = syscall.CLONE_NEWNS
	if s.User == nil {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
}

// obey carries out commands until the host closes its end or dies.
func (k *keeper) obey(commands io.Reader) {
	var c [1]byte
	for {
		if _, err := io.ReadFull(commands, c[:]); err != nil {
			k.killAll()
			return
		}
		switch c[0] {
		case 'f':
			k.signalAll(unix.SIGSTOP)
		case 't':
			k.signalAll(unix.SIGCONT)
		case 'k':
			k.killAll()
		}
	}
}

// reap collects processes until none is left. After the function's own end the
// others are killed: Lambda ends an environment as a whole.
func (k *keeper) reap() {
	ended := false
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil: // ECHILD
			return
		}
		if pid == k.main {
			ended = true
			k.mu.Lock()
			k.ending.Status = syscall.WaitStatus(status)
			k.mu.Unlock()
		}
		if ended {
			k.killAll() // again after each: what it left is ours now
		}
	}
}

// killAll kills every process of the environment, also those that are made
// meanwhile.
func (k *keeper) killAll() { k.signalAll(unix.SIGKILL) }

// signalAll sends a signal to each process once, and looks again until there is
// none that has not had it. Stopped processes make no new ones.
func (k *keeper) signalAll(sig unix.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frozen = sig == unix.SIGSTOP
	had := map[int]bool{}
	for more := true; more; {
		more = false
		for _, pid := range descendants(os.Getpid()) {
			if !had[pid] {
				had[pid], more = true, true
				_ = unix.Kill(pid, sig) // ESRCH: it has ended
			}
		}
	}
}

// watch ends what takes more than the environment has.
func (k *keeper) watch() {
	for range time.Tick(glance) {
		k.mu.Lock()
		frozen := k.frozen
		k.mu.Unlock()
		if !frozen {
			k.look()
		}
	}
}

// look adds up memory that no other process shares: what is read from files can
// be dropped at any time, and is counted on Lambda for no process in particular.
// Out of memory kills the largest process alone, as the kernel does there; when
// that is the function's own, the environment ends with it.
func (k *keeper) look() {
	var memory, most int64
	var largest, threads int
	for _, pid := range descendants(os.Getpid()) {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		if err != nil {
			continue // it has ended
		}
		own := (field(status, "RssAnon:") + field(status, "RssShmem:")) << 10
		memory += own
		threads += int(field(status, "Threads:"))
		if own > most {
			largest, most = pid, own
		}
	}
	switch {
	case threads > maxThreads:
		fmt.Fprintf(os.Stderr, "sandbox: %d processes and threads; Lambda allows %d\n", threads, maxThreads)
		k.killAll()
	case memory > k.memory:
		fmt.Fprintf(os.Stderr, "sandbox: %d MB of memory in use, of %d MB; process %d is killed\n", memory>>20, k.memory>>20, largest)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.ending.OutOfMemory = largest == k.main
		_ = unix.Kill(largest, unix.SIGKILL)
	}
}

// field is a number of /proc/PID/status, 0 where it is missing.
func field(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name))
	rest, _, _ = bytes.Cut(bytes.TrimSpace(rest), []byte("\n"))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	n, _ := strconv.ParseInt(string(number), 10, 64) // the kernel writes numbers
	return n
}

// descendants are the processes below pid. What ends meanwhile may be among them;
// what begins may not.
func descendants(pid int) (all []int) {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children") // well formed
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for word := range bytes.FieldsSeq(text) {
			if child, err := strconv.Atoi(string(word)); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}
