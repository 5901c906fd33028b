package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/local/tests/harness"
)

// stack is the `lazaret local` that is tested. It can be killed, and is started again on the same data and port.
type stack struct {
	config
	template string // of the application, see writeTemplate
	data     string
	port     int
	proxy    string // URL at which functions call AWS

	mu      sync.RWMutex // a fault that needs the stack holds it for reading, a restart for writing
	machine *harness.Machine
}

// freePort returns a port that is free now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (s *stack) endpoint() string { return "http://127.0.0.1:" + strconv.Itoa(s.port) }

// start starts the stack, and waits until it is ready.
func (s *stack) start() error {
	parameters := []string{"BucketLayout=" + s.layout, "MaxConcurrentScans=" + strconv.Itoa(s.engines)}
	if s.workflow != "STANDARD" {
		parameters = append(parameters, "Workflow="+s.workflow)
	}
	args := []string{
		"local", "--quiet", "--no-console", "--port", strconv.Itoa(s.port), "--data", s.data, "--template", s.template,
		"--functions-endpoint", s.proxy, "--time-scale", strconv.FormatFloat(s.scale, 'g', -1, 64),
	}
	args = append(append(args, "--parameter-overrides"), parameters...)
	cmd := exec.Command(filepath.Join(s.root, "bin", "lazaret"), args...)
	cmd.Dir = s.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	var err error
	s.machine, err = harness.LaunchCommand(cmd, s.data)
	return err
}

// restart ends the stack with a signal, and starts it again. It fails if processes of the stack are left.
func (s *stack) restart(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.machine.End(signal); err != nil {
		return err
	}
	return s.start()
}

// stop ends the stack. The error names the processes that are left.
func (s *stack) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine == nil {
		return nil
	}
	return s.machine.End(syscall.SIGTERM)
}

// inspect calls do with the running machine, while no restart is made.
func (s *stack) inspect(do func(m *harness.Machine) (string, error)) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return do(s.machine)
}

// processesOf returns the processes of a function, or those of clamd.
func processesOf(m *harness.Machine, name string) (found []harness.Process) {
	for _, p := range m.Processes() {
		program, _, _ := strings.Cut(p.Command, " ")
		if name == "clamd" && filepath.Base(program) == "clamd" ||
			strings.HasSuffix(program, filepath.Join("build", name, "bootstrap")) {
			found = append(found, p)
		}
	}
	return found
}

// kill kills the sender of a call.
func (s *stack) kill(c harness.Call) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if pid := s.machine.Caller(c); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // fails if it has ended
	}
}

func (s *stack) volume() string { return filepath.Join(s.data, "volume") }

func (s *stack) workFolder() string { return filepath.Join(s.volume(), "lazaret", "work") }

// dispatchTimeout is the timeout of dispatch and the visibility of its queues here. As deployed, an upload whose
// dispatch was killed at its first step comes again after 15 minutes, for which a run need not wait.
const dispatchTimeout = 120 * time.Second

// writeTemplate writes the application's template to a folder, with a shorter timeout of dispatch, and returns its
// path.
func writeTemplate(root, dir string) (string, error) {
	for _, folder := range []string{"build", "infra", "statemachine"} {
		if err := os.Symlink(filepath.Join(root, folder), filepath.Join(dir, folder)); err != nil {
			return "", fmt.Errorf("prepare the template: %w", err)
		}
	}
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return "", fmt.Errorf("prepare the template: %w", err)
	}
	text := string(template)
	seconds := strconv.Itoa(int(dispatchTimeout.Seconds()))
	for _, field := range []string{
		"QueueName: !Sub '${AWS::StackName}-uploads'\n", "QueueName: !Sub '${AWS::StackName}-rescans'\n",
		"FunctionName: !Sub '${AWS::StackName}-dispatch'\n",
	} {
		before, after, found := strings.Cut(text, field)
		changed := strings.Replace(after, "Timeout: 900", "Timeout: "+seconds, 1)
		if !found || changed == after {
			return "", fmt.Errorf("prepare the template: it has no Timeout: 900 after %s", strings.TrimSpace(field))
		}
		text = before + field + changed
	}
	path := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("prepare the template: %w", err)
	}
	return path, nil
}
