package lambda

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/sandbox"
)

// home is what Lambda keeps of an environment whose processes crash or are killed: the next processes get the same /tmp
// and write to the same log stream.
type home struct {
	folder string        // its sandbox's; /tmp is in it
	stream string        // log stream name
	user   *sandbox.User // nil where functions run as the host's user
}

// environment is a function's process with all processes that it starts. It serves one invocation at a time.
type environment struct {
	home
	function *function
	secret   string // first part of the paths of its Runtime API
	process  *sandbox.Process
	output   *output

	work    chan *invocation           // holds one, for the process's pending call of next
	ready   chan struct{}              // one signal for each call of next
	current atomic.Pointer[invocation] // awaiting its response
	initErr atomic.Pointer[fault]      // what the process posted to init/error

	exited chan struct{} // closed when its processes are gone
}

// uid is the user of its processes.
func (e *environment) uid() uint32 {
	if e.user == nil {
		return uint32(os.Geteuid())
	}
	return uint32(e.user.UID)
}

// start launches an environment. It fails with a fault when there is no such program, else with a ServiceException.
func (f *function) start() (*environment, error) {
	path, err := f.host.Binary(f.Function)
	if err == nil {
		path, err = filepath.Abs(path) // the process starts in another folder
	}
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		// The name is in Lambda's page "Troubleshoot invocation issues".
		return nil, newFault("Runtime.InvalidEntrypoint", "Error: Couldn't find valid bootstrap(s): "+err.Error())
	}
	e := &environment{
		function: f,
		secret:   rand.Text(),
		work:     make(chan *invocation, 1),
		ready:    make(chan struct{}, 1),
		exited:   make(chan struct{}),
	}
	if e.home, err = f.moveIn(); err == nil {
		err = e.launch(path)
	}
	if err != nil {
		e.clear()
		return nil, unavailable("start function %s: %v", f.Name, err)
	}
	if !f.enter(e) {
		e.process.Kill()
	}
	go e.watch()
	return e, nil
}

// moveIn returns the home of an environment that crashed, or a new one.
func (f *function) moveIn() (h home, err error) {
	f.mu.Lock()
	if n := len(f.homes); n > 0 {
		h, f.homes = f.homes[n-1], f.homes[:n-1]
	}
	f.mu.Unlock()
	if h.folder != "" {
		return h, nil
	}
	h.stream = time.Now().UTC().Format("2006/01/02/["+latest+"]") + strings.ReplaceAll(uuid.NewString(), "-", "")
	h.user = f.user()
	h.folder, err = sandbox.MakeFolder(f.host.Temp, "lazaret-"+f.Short+"-")
	return h, err
}

func (e *environment) launch(path string) error {
	f := e.function
	if err := e.openOutput(); err != nil {
		return err
	}
	spec := sandbox.Spec{
		Name: f.Name, Path: path, Env: e.variables(filepath.Dir(path)), Mask: f.host.Mask, Folder: e.folder,
		Memory: int64(f.MemoryMB) << 20, User: e.user, Level: f.host.Level(),
	}
	for _, m := range f.Mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: filepath.Join(f.host.Volume, m.Root), Target: m.Path})
	}
	f.host.listening.Store(e.secret, e)
	var err error
	e.process, err = sandbox.Start(spec, e.output.writer)
	return err
}

// watch waits for the processes to end and keeps their home.
func (e *environment) watch() {
	<-e.process.Exited()
	e.clear()
	e.function.leave(e)
}

// clear releases what the host has for the environment, and keeps its home for the next one.
func (e *environment) clear() {
	e.function.host.listening.Delete(e.secret)
	if e.output != nil {
		e.output.close(2 * time.Second)
	}
	if e.folder == "" {
		return
	}
	f := e.function
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.host.ctx.Err() != nil {
		_ = os.RemoveAll(e.folder)
		return
	}
	f.homes = append(f.homes, e.home)
}

// kill ends all processes by SIGKILL, as Lambda does for a function without extensions.
func (e *environment) kill() {
	e.process.Kill()
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

// fault says why there is no answer: ctx ended, or the process did. The names and texts were observed with real
// functions in 2025; Runtime.OutOfMemory is from reports of 2026.
func (e *environment) fault(ctx context.Context, inv *invocation) error {
	name, message := "Runtime.ExitError", "Runtime exited without providing a reason" // exit status 0
	if ctx.Err() != nil {
		name, message = "Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", e.function.Timeout.Seconds())
	} else if end := e.process.Ending(); end.Status != 0 {
		message = "Runtime exited with error: " + end.String()
		if end.OutOfMemory {
			name = "Runtime.OutOfMemory"
		}
	}
	return newFault(name, fmt.Sprintf("RequestId: %s Error: %s", inv.id, message))
}
