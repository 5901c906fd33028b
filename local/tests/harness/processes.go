package harness

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a running process of a machine.
type Process struct {
	PID     int
	Command string // its arguments, joined by spaces
}

// Processes returns the running processes that the machine has started, directly or not. It finds them by the data
// folder, which is in their arguments, in their environment or, in a sandbox, among their mounts. Parent ids do not
// help: a process whose parent has died belongs to init.
func (m *Machine) Processes() []Process {
	var found []Process
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		if pid == os.Getpid() || pid == m.cmd.Process.Pid {
			continue
		}
		// A file that cannot be read is of a process that has ended, a zombie's, or another user's.
		args, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))
		mounts, _ := os.ReadFile(filepath.Join(folder, "mountinfo"))
		if bytes.Contains(args, []byte(m.Data)) || bytes.Contains(environment, []byte(m.Data)) ||
			bytes.Contains(mounts, m.mountSource()) {
			command := strings.ReplaceAll(strings.Trim(string(args), "\x00"), "\x00", " ")
			found = append(found, Process{PID: pid, Command: command})
		}
	}
	return found
}

// mountSource returns the part of the data folder's path that mountinfo shows in every case: a source there is
// relative to the file system that holds the folder.
func (m *Machine) mountSource() []byte {
	parent, base := filepath.Split(m.Data)
	return []byte(filepath.Join(filepath.Base(parent), base) + "/tmp/")
}

// goneWithin bounds the wait for the end of a machine's processes. The kernel kills a child after its parent, and the
// child's children after that, which takes a moment, and seconds where many other processes want the processor.
const goneWithin = 10 * time.Second

// waitForProcesses returns an error if processes are left some time after the machine's end.
func (m *Machine) waitForProcesses() error {
	var left []Process
	for deadline := time.Now().Add(goneWithin); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = m.Processes(); len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("processes are left after the end of lazaret local: %v", left)
}

// Parent returns the process id of the parent, or a number that is no process's if the process has ended.
func (p Process) Parent() int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return math.MaxInt32
	}
	var state string
	var parent int
	_, _ = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent)
	return parent
}

// HasOpen reports whether the process has a descriptor of this name ("socket:[1]") or of the file at this path, which
// may have another path in the process's sandbox.
func (p Process) HasOpen(name string) bool {
	file, _ := os.Stat(name)
	descriptors, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.PID)) // the pattern is well formed
	for _, d := range descriptors {
		if target, _ := os.Readlink(d); target == name {
			return true
		}
		if info, err := os.Stat(d); err == nil && os.SameFile(file, info) {
			return true
		}
	}
	return false
}
