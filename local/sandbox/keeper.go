package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxThreads is the RLIMIT_NPROC that was measured on Lambda. It counts all processes and threads.
const maxThreads = 742

// keeper is the state of the keeper process.
type keeper struct {
	main   int // the function's process id
	memory int64

	mu     sync.Mutex
	ending Ending
}

// keep is the main function of the keeper. It returns when all processes of the environment have ended.
func keep(s Spec) error {
	// The launcher is killed when the thread that started it ends, see start.
	runtime.LockOSThread()
	commands, events := os.NewFile(3, "commands"), json.NewEncoder(os.NewFile(4, "events"))
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	// A process whose parent ends becomes a child of this process, and not of init.
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	k := &keeper{memory: s.Memory}
	if err == nil {
		k.main, err = s.start()
	}
	if err != nil {
		return events.Encode(event{Error: err.Error()})
	}
	if err := events.Encode(event{}); err != nil {
		k.killAll() // the host has ended
	}
	go k.obey(commands)
	k.reap()
	k.mu.Lock()
	defer k.mu.Unlock()
	return events.Encode(event{Ending: k.ending})
}

// start starts the launcher and returns when it executes the program.
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
		// When the keeper is killed, Pdeathsig ends the function.
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

// separate sets the namespaces in which a view can be built. A user who is not root needs a user namespace, in which
// the user's ids are the same.
func (s Spec) separate(attr *syscall.SysProcAttr) {
	attr.Cloneflags = syscall.CLONE_NEWNS
	if s.User == nil {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
}

// obey carries out commands until the host closes its end of the pipe or ends.
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
		case 'c':
			k.check()
		}
	}
}

// reap waits for all processes. When the function's process has ended, it kills the others, as Lambda ends an
// environment as a whole.
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
			k.killAll() // again after each, whose children are this process's now
		}
	}
}

// killAll kills every process of the environment, also those that are started meanwhile.
func (k *keeper) killAll() { k.signalAll(unix.SIGKILL) }

// signalAll sends a signal to each process once. It lists the processes again until it finds no new one.
func (k *keeper) signalAll(sig unix.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sent := map[int]bool{}
	for more := true; more; {
		more = false
		for _, p := range descendants(os.Getpid()) {
			if !sent[p.pid] {
				sent[p.pid], more = true, true
				_ = unix.Kill(p.pid, sig) // ESRCH: it has ended
			}
		}
	}
}

// check kills the environment when it has too many threads, and the largest process when memory is used up, as the
// kernel does on Lambda. When that is the function's process, the environment ends.
func (k *keeper) check() {
	all, threads := descendants(os.Getpid()), 0
	for _, p := range all {
		threads += p.threads
	}
	if threads > maxThreads {
		fmt.Fprintf(os.Stderr, "sandbox: %d processes and threads; Lambda allows %d\n", threads, maxThreads)
		k.killAll()
		return
	}
	k.checkMemory(all)
}

// checkMemory adds up what the processes do not share with files, whose pages the kernel can drop at any time.
func (k *keeper) checkMemory(all []process) {
	var memory, most int64
	var largest int
	for _, p := range all {
		used := p.used()
		memory += used
		if used > most {
			largest, most = p.pid, used
		}
	}
	if memory <= k.memory {
		return
	}
	fmt.Fprintf(os.Stderr, "sandbox: %d MB of memory in use, of %d MB; process %d is killed\n",
		memory>>20, k.memory>>20, largest)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ending.OutOfMemory = largest == k.main
	_ = unix.Kill(largest, unix.SIGKILL)
}
