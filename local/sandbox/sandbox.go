// Package sandbox runs a program as AWS Lambda's sandbox would: with few system
// calls, limits, and nothing to write but /tmp and the mounted volume. Package
// lambda starts every function with it. What Lambda refuses is not documented;
// each rule here is from reports and measurements.
//
// Two more processes of the program that imports the package take part, told by
// their first argument. A keeper stays with the environment: it adopts every
// process that is left in it, stops, continues and ends them, and ends them when
// the host dies, however that happens. A launcher becomes the function: it builds
// its view of the files, sets limits and the filter, and executes it.
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
	"syscall"
)

// Names by which this program is started again, and the variable that has the
// Spec: other users can read arguments, but no environment.
const (
	keeperName   = "lazaret-keeper"
	launcherName = "lazaret-launcher"
	specVariable = "LAZARET_SANDBOX"
	self         = "/proc/self/exe"
)

// Started again, the program does not get as far as main.
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

// Spec says what to run and what it may touch.
type Spec struct {
	Name string // for listings of processes: the function's
	// Path is the program. With a view it is alone in /var/task, where it starts.
	Path string
	// Env is the whole environment; Mask what the system calls beside those of
	// the profile are that it is refused (EPERM).
	Env  []string
	Mask []string
	// Folder holds tmp, which is /tmp with a view, and root, where the view is
	// built. MakeFolder makes one.
	Folder string
	Mounts []Mount
	Memory int64 // bytes for all processes together
	User   *User // nil is the caller's own; needs a view
	Level  Level
	Probe  bool // end with status 0 instead of executing anything
}

// Mount is a folder of this machine and its place in the view.
type Mount struct{ Source, Target string }

// User is whom a function runs as. Alone says that no other process has the id,
// so that it can be given a limit of processes.
type User struct {
	UID, GID int
	Groups   []int
	Alone    bool
}

// Level is how much of Lambda's sandbox is enforced.
type Level int

// Each level does what the one before does.
const (
	Off      Level = iota // limits and the environment's end alone
	Filtered              // system calls are refused
	Guarded               // and writes elsewhere are (Landlock)
	View                  // and there are no other files: real /tmp, /var/task and mounts
)

// MakeFolder makes an environment's folder in dir. What the function keeps in its
// /tmp is open to any user, and the folder around it to none.
func MakeFolder(dir, pattern string) (string, error) {
	folder, err := os.MkdirTemp(dir, pattern)
	if err != nil {
		return "", fmt.Errorf("make folder of an environment: %w", err)
	}
	temp := folder + "/tmp"
	err = errors.Join(os.Mkdir(folder+"/root", 0o700), os.Mkdir(temp, 0o700), os.Chmod(temp, 0o777|os.ModeSticky))
	if err != nil {
		return "", errors.Join(fmt.Errorf("make folder of an environment: %w", err), os.RemoveAll(folder))
	}
	return folder, nil
}

// Process is a running environment.
type Process struct {
	cmd     *exec.Cmd
	control *os.File // the keeper reads commands, and ends when it is closed
	events  *json.Decoder
	exited  chan struct{}
	ending  Ending

	mu sync.Mutex // guards control
}

// Ending is how the function's process ended. All processes of the environment
// are gone then.
type Ending struct {
	Status      syscall.WaitStatus
	OutOfMemory bool // it was killed because of Spec.Memory
}

// event is a message of a keeper: first how the start went, then the end.
type event struct {
	Error  string
	Ending Ending
}

// Start runs what spec says. Output gets both streams of all processes. The error
// says why the program does not run.
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
	events, said, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	defer said.Close()
	p := &Process{control: control, events: json.NewDecoder(events), exited: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: self, Args: []string{keeperName, spec.Name}, Env: []string{specVariable + "=" + string(text)},
		Stdout: output, Stderr: output, ExtraFiles: []*os.File{commands, said},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a terminal's Ctrl-C is for the host
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, control.Close(), events.Close())
	}
	said.Close()
	var first event
	err = p.events.Decode(&first)
	if err == nil && first.Error != "" {
		err = errors.New(first.Error)
	}
	if err != nil {
		err = fmt.Errorf("start %s: %w", spec.Path, err)
		return nil, errors.Join(err, control.Close(), ignoreExit(p.cmd.Wait()), events.Close())
	}
	go func() {
		defer close(p.exited)
		defer events.Close()
		last := event{Ending: Ending{Status: syscall.WaitStatus(syscall.SIGKILL)}} // of a keeper that was killed
		_ = p.events.Decode(&last)
		p.ending = last.Ending
		_ = p.cmd.Wait() // the keeper's own end means nothing
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

// Freeze stops all processes, as Lambda does between invocations. Thaw continues
// them. Kill ends them. All take effect in this order, soon.
func (p *Process) Freeze() { p.command('f') }

// Thaw undoes Freeze.
func (p *Process) Thaw() { p.command('t') }

// Kill ends all processes.
func (p *Process) Kill() { p.command('k') }

func (p *Process) command(c byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.control.Write([]byte{c}) // a keeper that is gone has nothing left to do
}

// Exited is closed when no process is left.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Ending is valid once Exited is closed.
func (p *Process) Ending() Ending { return p.ending }

// String says what an Ending was in the words of os.ProcessState.
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

// Probe returns the highest level up to want that this machine allows, and why
// not more; nil when it is want.
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

// report tells the keeper, on the launcher's descriptor 3, why the program does
// not run. That it runs is told by the descriptor's end.
func report(err error) error {
	if err != nil {
		_, _ = io.WriteString(os.NewFile(3, "report"), err.Error())
	}
	return nil
}
