package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Process is one that belongs to a machine.
type Process struct {
	PID     int
	Command string // its arguments, joined by spaces
}

// Processes are the running ones that the machine started, and that those
// started. They are told by its data folder, which all of them have in their
// arguments, their environment or, where functions have a view of their own, among
// their mounts: parents do not tell, since the children of a process that died may
// belong to init.
func (m *Machine) Processes() []Process {
	var found []Process
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		if pid == os.Getpid() || pid == m.cmd.Process.Pid {
			continue
		}
		// A process that is gone by now, a zombie, or another user's.
		args, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))
		mounts, _ := os.ReadFile(filepath.Join(folder, "mountinfo"))
		if bytes.Contains(args, []byte(m.Data)) || bytes.Contains(environment, []byte(m.Data)) || bytes.Contains(mounts, m.mounted()) {
			found = append(found, Process{pid, strings.ReplaceAll(strings.Trim(string(args), "\x00"), "\x00", " ")})
		}
	}
	return found
}

// mounted is what mountinfo has of the data folder: where that is a mount itself,
// or below one, sources begin there.
func (m *Machine) mounted() []byte {
	parent, base := filepath.Split(m.Data)
	return []byte(filepath.Join(filepath.Base(parent), base) + "/tmp/")
}

// alone reports which processes are left after the machine's own end. The
// kernel kills a child when its parent dies, and that one's child after it, so
// that it takes a moment.
func (m *Machine) alone() error {
	var left []Process
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = m.Processes(); len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("processes outlive the machine: %v", left)
}

// Output keeps what a process writes.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
