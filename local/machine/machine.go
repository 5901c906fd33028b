// Package machine runs the whole machine for tests: a real `lazaret local`
// process with the real function binaries, state machine and clamd, driven
// through its public endpoint alone with the AWS SDK. Tests of this package and
// of others that need a whole machine call it; nothing else does. It runs what
// `make build` made, and makes nothing itself: how programs are built is said
// once, in the Makefile, and `make test` builds first.
package machine

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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	readyWithin = 2 * time.Minute // a second, on a machine that does nothing else
	stopWithin  = 5 * time.Second // what `lazaret local` promises
)

// freeze is for the tests that must pass either way, which are all of them.
var freeze = flag.Bool("freeze", false, "run every machine with --freeze: functions are stopped between invocations")

// Machine is a running `lazaret local`.
type Machine struct {
	Clients         // of the person at the keyboard, key "test"
	Endpoint string // "http://127.0.0.1:40000"
	Data     string // its data folder, absolute

	cmd    *exec.Cmd
	Output *Output // both of its output streams, for messages
	ended  chan struct{}
	err    error // of the process; read after ended

	deadLetters sync.Mutex // one reader at a time, see DeadLetters
}

// Start starts a machine with these flags of `lazaret local`, and stops it when
// the test ends, which fails unless it leaves nothing behind. Without --data
// among the flags its data folder is the test's own.
func Start(t testing.TB, flags ...string) *Machine {
	t.Helper()
	m, err := Launch(dataFolder(flags, t.TempDir()), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the machine said:\n%s", m.Output)
		}
	})
	return m
}

// Launch starts a machine that no test owns; whoever calls it calls Stop.
func Launch(data string, flags ...string) (*Machine, error) {
	always := []string{"local", "--port", "0", "--data", data}
	if *freeze {
		always = append(always, "--freeze")
	}
	cmd, err := Command(append(always, flags...)...)
	if err != nil {
		return nil, err
	}
	return launch(cmd, data)
}

// launch waits for the line that says that the machine is ready.
func launch(cmd *exec.Cmd, data string) (*Machine, error) {
	m := &Machine{Data: data, cmd: cmd, Output: new(Output), ended: make(chan struct{})}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(m.Output, writer), m.Output
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			if endpoint, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- endpoint
				break
			}
		}
		_, _ = io.Copy(io.Discard, reader) // until the process ends
	}()
	started := make(chan error)
	go func() {
		// The kernel ends the machine with the thread that started it, so that a
		// test binary that dies takes it along; this thread lives until then.
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
		return m, nil
	case <-m.ended:
		return nil, fmt.Errorf("start %s: %w:\n%s", cmd, m.err, m.Output)
	case <-time.After(readyWithin):
		return nil, errors.Join(fmt.Errorf("start %s: not ready within %s:\n%s", cmd, readyWithin, m.Output), m.End(syscall.SIGKILL))
	}
}

// Stop ends the machine in good order, when nothing is under way any more. It
// returns an error for whatever the machine leaves behind, work files included.
func (m *Machine) Stop() error {
	err := m.End(syscall.SIGTERM)
	if left := m.WorkFiles(); len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("work files are left: %s", strings.Join(left, ", ")))
	}
	return err
}

// End sends the signal, whatever is under way, and waits for the end. It returns
// an error unless the machine ends in time, with code 0 where it was not killed,
// and without a process left. On a machine that has ended it does nothing.
func (m *Machine) End(signal syscall.Signal) error {
	select {
	case <-m.ended:
		return nil
	default:
	}
	if err := m.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal the machine: %w", err)
	}
	var wrong error
	select {
	case <-m.ended:
	case <-time.After(stopWithin):
		wrong = fmt.Errorf("the machine runs %s after %s", stopWithin, signal)
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
	if signal != syscall.SIGKILL && m.err != nil {
		wrong = errors.Join(wrong, fmt.Errorf("the machine ended with %w:\n%s", m.err, m.Output))
	}
	return errors.Join(wrong, m.alone())
}

// PID is the process id of `lazaret local`.
func (m *Machine) PID() int { return m.cmd.Process.Pid }

// WorkFiles are the names of the files that fetch has put on the volume and
// scan has not removed.
func (m *Machine) WorkFiles() []string {
	entries, err := os.ReadDir(filepath.Join(m.Data, "volume", "lazaret", "work"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Command is `lazaret` with these arguments and the application of this
// repository, to be started. Its error says what `make build` has not made.
func Command(args ...string) (*exec.Cmd, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	programs := []string{filepath.Join(root, "bin", "lazaret")}
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		return nil, fmt.Errorf("find the functions in %s: %w", root, err)
	}
	for _, main := range mains {
		programs = append(programs, filepath.Join(root, "build", filepath.Base(filepath.Dir(main)), "bootstrap"))
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("the tests run what is built: run make build: %w", err)
		}
	}
	cmd := exec.Command(programs[0], args...)
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd, nil
}

// dataFolder is the value of --data among the flags, or else the other folder.
func dataFolder(flags []string, other string) string {
	for i, f := range flags {
		if f == "--data" && i+1 < len(flags) {
			return flags[i+1]
		}
	}
	return other
}
