// Package sandbox runs a program as AWS Lambda does: it refuses system calls, sets limits, and allows writes in /tmp
// and on the mounted volume only. Package lambda starts every function with it. AWS does not document what Lambda
// refuses: the rules are from reports and measurements.
//
// The program that imports the package is started again as two more processes, which it recognises by the first
// argument. The keeper runs as long as the environment. It adopts processes whose parents end, stops, continues and
// ends all of them, and ends them when the host ends in any way. The launcher becomes the function: it builds its view
// of the files, sets limits and the filter of system calls, and executes the program. The host looks at the memory and
// the threads of all environments.
package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
)

// The first arguments of the other processes, and the variable with the Spec: other users can read a process's
// arguments, but not its variables.
const (
	keeperName   = "lazaret-keeper"
	launcherName = "lazaret-launcher"
	specVariable = "LAZARET_SANDBOX"
	self         = "/proc/self/exe"
)

// init runs the keeper and the launcher. It is not an exported function, because every program that starts a function,
// each test among them, would have to call it first in main.
func init() {
	if os.Args[0] != keeperName && os.Args[0] != launcherName {
		return
	}
	var s Spec
	err := json.Unmarshal([]byte(os.Getenv(specVariable)), &s)
	if err == nil && os.Args[0] == keeperName {
		err = keep(s)
	} else if err == nil {
		err = report(s.launch())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Args[0]+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Spec says what to run, and what it may use.
type Spec struct {
	Name string // of the function, for lists of processes
	// Path is the program. In a view it is the only file in /var/task, where it is started.
	Path string
	// Env has all variables. Mask has more system calls to refuse with EPERM.
	Env  []string
	Mask []string
	// Folder is made by MakeFolder. It has tmp, which is /tmp in a view, and root, where the view is built.
	Folder string
	Mounts []Mount
	Memory int64 // bytes for all processes together
	User   *User // nil for the caller's own; needs a view
	Level  Level
	Probe  bool // end with status 0 instead of executing anything
}

// Mount is a folder of this machine and its place in the view.
type Mount struct{ Source, Target string }

// User is the user as whom a function runs. Alone says that no other process has the id, so that its processes can be
// limited.
type User struct {
	UID, GID int
	Groups   []int
	Alone    bool
}

// Level says how much of Lambda's sandbox is enforced. Each level includes the ones before.
type Level int

// The levels.
const (
	Off      Level = iota // limits, and the end of all processes
	Filtered              // system calls are refused
	Guarded               // writes elsewhere are refused (Landlock)
	View                  // no other files exist: /tmp, /var/task and mounts are as on Lambda
)

// MakeFolder makes the folder of an environment in dir. The function's user can write to tmp in it, and no other user
// can enter it.
func MakeFolder(dir, pattern string) (string, error) {
	folder, err := os.MkdirTemp(dir, pattern)
	if err != nil {
		return "", fmt.Errorf("create folder of an environment: %w", err)
	}
	temp := folder + "/tmp"
	err = errors.Join(os.Mkdir(folder+"/root", 0o700), os.Mkdir(temp, 0o700), os.Chmod(temp, 0o777|os.ModeSticky))
	if err != nil {
		return "", errors.Join(fmt.Errorf("create folder of an environment: %w", err), os.RemoveAll(folder))
	}
	return folder, nil
}

// Process is a running environment.
type Process struct {
	cmd     *exec.Cmd
	control *os.File // commands to the keeper, which ends all when it is closed
	events  *json.Decoder
	exited  chan struct{}
	ending  Ending
	memory  int64 // Spec.Memory
	idle    atomic.Bool

	mu sync.Mutex // guards control
}

// Ending says how the function's process ended. No process of the environment is left then.
type Ending struct {
	Status      syscall.WaitStatus
	OutOfMemory bool // Spec.Memory was used up
}

// event is a message of the keeper: the first is about the start, the second about the end.
type event struct {
	Error  string
	Ending Ending
}

// Start starts a program. Output receives the standard output and standard error of all processes.
func Start(spec Spec, output *os.File) (*Process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	commands, control, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer commands.Close()
	events, eventsOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	defer eventsOut.Close()
	p := &Process{control: control, events: json.NewDecoder(events), exited: make(chan struct{}), memory: spec.Memory}
	p.cmd = &exec.Cmd{
		Path: self, Args: []string{keeperName, spec.Name}, Env: []string{specVariable + "=" + string(text)},
		Stdout: output, Stderr: output, ExtraFiles: []*os.File{commands, eventsOut},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a terminal's Ctrl-C is for the host
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, control.Close(), events.Close())
	}
	eventsOut.Close()
	var first event
	err = p.events.Decode(&first)
	if err == nil && first.Error != "" {
		err = errors.New(first.Error)
	}
	if err != nil {
		err = fmt.Errorf("start %s: %w", spec.Path, err)
		return nil, errors.Join(err, control.Close(), ignoreExit(p.cmd.Wait()), events.Close())
	}
	watched.add(p)
	go func() {
		defer close(p.exited)
		defer watched.remove(p)
		defer events.Close()
		last := event{Ending: Ending{Status: syscall.WaitStatus(syscall.SIGKILL)}} // when the keeper was killed
		_ = p.events.Decode(&last)
		p.ending = last.Ending
		_ = p.cmd.Wait() // the status of the keeper tells nothing
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.control.Close()
	}()
	return p, nil
}

func ignoreExit(err error) error {
	if _, is := errors.AsType[*exec.ExitError](err); is {
		return nil
	}
	return err
}

// Freeze stops all processes, as Lambda does between invocations. It returns before they have stopped. The effects of
// Freeze, Thaw and Kill are in the order of the calls.
func (p *Process) Freeze() { p.command('f') }

// Thaw undoes Freeze.
func (p *Process) Thaw() { p.command('t') }

// SetIdle says whether an invocation is under way. Lambda stops an idle environment; here it may run, and its memory is
// looked at less often.
func (p *Process) SetIdle(idle bool) { p.idle.Store(idle) }

// Kill ends all processes.
func (p *Process) Kill() { p.command('k') }

func (p *Process) command(c byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.control.Write([]byte{c}) // fails when the keeper has ended
}

// Exited is closed when no process is left.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Ending is valid once Exited is closed.
func (p *Process) Ending() Ending { return p.ending }

// String describes the end as os.ProcessState does.
func (e Ending) String() string {
	switch s := e.Status; {
	case s.Signaled() && s.CoreDump():
		return fmt.Sprintf("signal: %s (core dumped)", s.Signal())
	case s.Signaled():
		return fmt.Sprintf("signal: %s", s.Signal())
	default:
		return fmt.Sprintf("exit status %d", s.ExitStatus())
	}
}

// Probe returns the highest level up to want that this machine allows, and why it allows no higher one.
func Probe(dir string, want Level, user *User) (Level, error) {
	folder, err := MakeFolder(dir, "sandbox-")
	if err != nil {
		return Off, err
	}
	defer os.RemoveAll(folder)
	program, err := os.Executable()
	if err != nil {
		return Off, err
	}
	var why error
	for level := want; level > Off; level-- {
		spec := Spec{Name: "probe", Path: program, Folder: folder, Memory: 1 << 40, Level: level, Probe: true}
		if level == View {
			spec.User = user
		}
		if err := try(spec); err != nil {
			why = cmp.Or(why, err)
			continue
		}
		return level, why
	}
	return Off, why
}

func try(spec Spec) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := Start(spec, null)
	if err != nil {
		return err
	}
	<-p.Exited()
	if p.ending.Status != 0 {
		return fmt.Errorf("the launcher ended: %s", p.ending)
	}
	return nil
}

// report writes an error of the launcher to descriptor 3, from which the keeper reads. When the program runs, the
// descriptor is closed.
func report(err error) error {
	if err != nil {
		_, _ = io.WriteString(os.NewFile(3, "report"), err.Error())
	}
	return nil
}
