// Package harness runs the whole local stack for tests: a `lazaret local` process with the built functions, the state
// machine and clamd. Tests drive it through its endpoint with the AWS SDK. The programs are those that `make build`
// has built; without LAZARET_TESTS=all the tests are skipped, and with -short those that do not share a machine
// (package need).
package harness

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

const (
	// ReadyWithin bounds the start of a machine, which takes a second on an idle computer.
	ReadyWithin = 2 * time.Minute
	stopWithin  = 5 * time.Second // what docs/local.md promises
)

// freeze is a flag because every test must pass with it and without it.
var freeze = flag.Bool("freeze", false, "run every machine with --freeze: functions are stopped between invocations")

// Machine is a running `lazaret local` process.
type Machine struct {
	Clients         // of the person who started it, with the access key "test"
	Express    bool // Workflow is EXPRESS: small objects take that lane
	Executions *history.Reader
	Endpoint   string // such as "http://127.0.0.1:40000"
	Console    string // URL with its token; empty without the flag --console-port
	Data       string // absolute path of the data folder
	Output     *Output

	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of the process; set when ended is closed

	receiving sync.Mutex // one reader of messages at a time, see Bodies
}

// Start starts a machine with these flags of `lazaret local`, and stops it when the test ends. The test fails if the
// machine leaves anything behind. Without --data the data folder is a temporary one of the test.
func Start(t testing.TB, flags ...string) *Machine {
	t.Helper()
	m, err := Launch(t, dataFolder(flags, t.TempDir()), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("lazaret local printed:\n%s", m.Output)
		}
	})
	return m
}

// Launch starts a machine that outlives the test. Its caller calls Stop.
func Launch(t testing.TB, data string, flags ...string) (*Machine, error) {
	t.Helper()
	need.OwnMachine(t)
	return LaunchShared(t, data, flags...)
}

// LaunchShared is Launch for a machine that other tests use too. The flag -short does not leave it out.
func LaunchShared(t testing.TB, data string, flags ...string) (*Machine, error) {
	t.Helper()
	args := []string{"local", "--port", "0", "--data", data}
	if !slices.Contains(flags, "--console-port") {
		args = append(args, "--no-console")
	}
	if *freeze {
		args = append(args, "--freeze")
	}
	return LaunchCommand(Command(t, append(args, flags...)...), data)
}

// LaunchCommand starts a command that runs `lazaret local`, and waits until the machine is ready. A caller with a
// machine of its own calls need.OwnMachine before.
func LaunchCommand(cmd *exec.Cmd, data string) (*Machine, error) {
	m := &Machine{Data: data, cmd: cmd, Output: new(Output), ended: make(chan struct{})}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(m.Output, writer), m.Output
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			if at, ok := strings.CutPrefix(lines.Text(), "console "); ok {
				m.Console = strings.TrimSpace(at)
			}
			if endpoint, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- endpoint
				break
			}
		}
		_, _ = io.Copy(io.Discard, reader) // until the process ends
	}()
	started := make(chan error)
	go func() {
		// The kernel ends the machine (Pdeathsig) when the thread that started it ends. This goroutine keeps its
		// thread until then, so that the machine ends if the test binary dies, and not before.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			m.err = cmd.Wait()
		}
		writer.Close()
		close(m.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd, err)
	}
	select {
	case m.Endpoint = <-ready:
		m.Clients = m.As("test")
		source := history.Source{Standard: ScanMachine, FunctionLog: FunctionLog}
		if m.Express = slices.ContainsFunc(cmd.Args, func(a string) bool {
			return strings.Contains(a, "Workflow=EXPRESS")
		}); m.Express {
			source.Express, source.ExpressLog = ExpressMachine, ExpressLog
		}
		m.Executions = history.New(m.SFN, m.Logs, source)
		return m, nil
	case <-m.ended:
		return nil, fmt.Errorf("start %s: %w:\n%s", cmd, m.err, m.Output)
	case <-time.After(ReadyWithin):
		late := fmt.Errorf("start %s: not ready after %s:\n%s", cmd, ReadyWithin, m.Output)
		return nil, errors.Join(late, m.End(syscall.SIGKILL))
	}
}

// Stop ends the machine with SIGTERM. Nothing may be under way. The error names everything that the machine leaves
// behind, work files included.
func (m *Machine) Stop() error {
	err := m.End(syscall.SIGTERM)
	if left := m.WorkFiles(); len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("work files are left: %s", strings.Join(left, ", ")))
	}
	return err
}

// End sends a signal and waits for the end of the machine, whatever is under way. It returns an error if the machine
// does not end in time, leaves a process, or exits with another code than 0 (SIGKILL apart). On a machine that has
// ended it does nothing.
func (m *Machine) End(signal syscall.Signal) error {
	select {
	case <-m.ended:
		return nil
	default:
	}
	if err := m.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("send %s to lazaret local: %w", signal, err)
	}
	var failure error
	select {
	case <-m.ended:
	case <-time.After(stopWithin):
		failure = fmt.Errorf("lazaret local still runs %s after %s", stopWithin, signal)
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
	if signal != syscall.SIGKILL && m.err != nil {
		failure = errors.Join(failure, fmt.Errorf("lazaret local ended with %w:\n%s", m.err, m.Output))
	}
	return errors.Join(failure, m.waitForProcesses())
}

// PID returns the process id of `lazaret local`.
func (m *Machine) PID() int { return m.cmd.Process.Pid }

// WorkPath returns the path of a work file.
func (m *Machine) WorkPath(name string) string {
	return filepath.Join(m.Data, "volume", "lazaret", "work", name)
}

// WorkFiles returns the names of the work files that are on the volume.
func (m *Machine) WorkFiles() []string {
	entries, err := os.ReadDir(m.WorkPath(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// RemoveWorkFiles removes the work files that are on the volume, as the sweep of the freshclam function does days
// later. Dead letters, and executions that were stopped, leave some.
func (m *Machine) RemoveWorkFiles(t testing.TB) {
	t.Helper()
	for _, name := range m.WorkFiles() {
		if err := os.Remove(m.WorkPath(name)); err != nil {
			t.Error(err)
		}
	}
}

// Command returns `lazaret` with these arguments and the application of this repository, not started yet.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	root := need.Programs(t)
	cmd := exec.Command(filepath.Join(root, "bin", "lazaret"), args...)
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd
}

// dataFolder returns the value of --data among the flags, or the other folder without that flag.
func dataFolder(flags []string, other string) string {
	for i, f := range flags {
		if f == "--data" && i+1 < len(flags) {
			return flags[i+1]
		}
	}
	return other
}
