package lambda

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// environment is one execution environment: a function's process, the children
// it starts (all in one process group; one that leaves the group is not
// followed), its folder for temporary files and its own Runtime API. It serves
// one invocation at a time.
type environment struct {
	function *function
	stream   string // log stream name
	temp     string
	server   *http.Server
	cmd      *exec.Cmd
	output   *output

	work    chan *invocation           // holds one, for the process's pending call of next
	ready   chan struct{}              // one signal for each call of next
	current atomic.Pointer[invocation] // awaiting its response
	initErr atomic.Pointer[fault]      // what the process posted to init/error

	mu     sync.Mutex
	reaped bool          // the process id may belong to another by now
	exited chan struct{} // closed when the group is gone and cmd.ProcessState is set
}

// start launches an environment. Its failures are a fault (no such binary), or
// a ServiceException.
func (f *function) start() (*environment, error) {
	path, err := f.host.Binary(f.Function)
	if err == nil {
		path, err = filepath.Abs(path) // the process starts in another folder
	}
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		// The name is in Lambda's page "Troubleshoot invocation issues"; there the
		// message lists the places searched.
		return nil, newFault("Runtime.InvalidEntrypoint", "Error: Couldn't find valid bootstrap(s): "+err.Error())
	}
	e := &environment{
		function: f,
		stream:   time.Now().UTC().Format("2006/01/02/["+latest+"]") + strings.ReplaceAll(uuid.NewString(), "-", ""),
		work:     make(chan *invocation, 1),
		ready:    make(chan struct{}, 1),
		exited:   make(chan struct{}),
	}
	if err := e.launch(path); err != nil {
		e.clear()
		return nil, &Error{Code: serviceException, Message: fmt.Sprintf("start function %s: %v", f.Name, err)}
	}
	if !f.enter(e) {
		e.signal(syscall.SIGKILL)
	}
	go e.watch()
	return e, nil
}

func (e *environment) launch(path string) (err error) {
	if e.temp, err = os.MkdirTemp(e.function.host.Temp, "lazaret-"+e.function.Short+"-"); err != nil {
		return err
	}
	// A listener of its own tells the environment apart: AWS_LAMBDA_RUNTIME_API
	// is documented as host and port, which leaves no place for a path.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.server = &http.Server{Handler: e.runtimeAPI()}
	go func() { _ = e.server.Serve(listener) }() // ends with ErrServerClosed in clear
	writer, err := e.openOutput()
	if err != nil {
		return err
	}
	defer writer.Close()
	e.cmd = &exec.Cmd{
		Path:   path,
		Args:   []string{path},
		Dir:    filepath.Dir(path),
		Env:    e.variables(listener.Addr().String(), filepath.Dir(path)),
		Stdout: writer,
		Stderr: writer,
		// The kernel kills the process when the host dies, however it dies. It
		// does not do so for the process's children; those that must not outlive
		// it (clamd) are started by it with a Pdeathsig of their own.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	started := make(chan error)
	e.function.host.spawner <- func() { started <- e.cmd.Start() }
	return <-started
}

// startSpawner returns a channel of functions that run on one thread, which
// lives until the channel is closed. Linux sends Pdeathsig when the *thread*
// that started a child ends, and Go ends threads as it likes.
func startSpawner() chan func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for call := range calls {
			call()
		}
	}()
	return calls
}

// watch waits for the process to end and leaves nothing of it behind.
func (e *environment) watch() {
	pid := e.cmd.Process.Pid
	// WNOWAIT leaves a zombie, whose id no other process or group can get: until
	// it is reaped, killing the group hits the children alone.
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	e.signal(syscall.SIGKILL)
	e.mu.Lock()
	_ = e.cmd.Wait() // how it ended is in ProcessState
	e.reaped = true
	e.mu.Unlock()
	e.output.wait(2 * time.Second) // ends when no process holds the pipe any more
	e.clear()
	e.function.leave(e)
}

// clear gives back what the host holds for the environment.
func (e *environment) clear() {
	if e.server != nil {
		_ = e.server.Close()
	}
	if e.output != nil {
		_ = e.output.file.Close()
	}
	_ = os.RemoveAll(e.temp)
}

// signal sends sig to all processes of the environment that still exist.
func (e *environment) signal(sig syscall.Signal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.reaped {
		_ = syscall.Kill(-e.cmd.Process.Pid, sig) // ESRCH: nothing left to signal
	}
}

// stop asks the environment to end, then makes it. SIGCONT is for a frozen one,
// which could not act on SIGTERM. A process gone takes its children with it.
func (e *environment) stop() {
	e.signal(syscall.SIGTERM)
	e.signal(syscall.SIGCONT)
	select {
	case <-e.exited:
	case <-time.After(2 * time.Second):
		e.kill()
	}
}

func (e *environment) kill() {
	e.signal(syscall.SIGKILL)
	<-e.exited
}

func (e *environment) hasExited() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}
