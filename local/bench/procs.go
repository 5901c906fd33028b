package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc, on every Linux that Go supports.
const tick = 10 * time.Millisecond

// process is what /proc says about a process.
type process struct {
	pid, parent int
	program     string        // see programOf
	own         time.Duration // processor time
	ended       time.Duration // processor time of children that have ended
}

// processes returns a process and its descendants.
func processes(root int) ([]process, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := map[int]process{}
	children := map[int][]int{}
	for _, path := range stats {
		if p, ok := readProcess(path); ok {
			all[p.pid] = p
			children[p.parent] = append(children[p.parent], p.pid)
		}
	}
	var found []process
	for next := []int{root}; len(next) > 0; next = next[1:] {
		if p, ok := all[next[0]]; ok {
			p.program = programOf(p.pid)
			found = append(found, p)
		}
		next = append(next, children[next[0]]...)
	}
	return found, nil
}

// readProcess reads the file stat of a process. It is false if the process has ended.
func readProcess(path string) (p process, ok bool) {
	// The fields after the name, which may contain any character. The first of them is the third field of proc(5).
	text, err := os.ReadFile(path)
	_, after, ok := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" "))
	if err != nil || !ok {
		return p, false
	}
	f := strings.Fields(string(after))
	p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	p.parent, _ = strconv.Atoi(f[1])
	ticks := func(i int) time.Duration {
		n, _ := strconv.Atoi(f[i])
		return time.Duration(n) * tick
	}
	p.own, p.ended = ticks(11)+ticks(12), ticks(13)+ticks(14) // utime, stime, cutime, cstime
	return p, true
}

// programOf returns what a process is in the report: a function, the engine, the local stack, or something else.
func programOf(pid int) string {
	args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // empty if it has ended
	program, _, _ := strings.Cut(string(args), "\x00")
	switch base := filepath.Base(program); base {
	case "bootstrap":
		return filepath.Base(filepath.Dir(program))
	case "clamd", "clamscan":
		return base
	case "lazaret":
		return "local stack"
	case "lazaret-keeper": // of a function's sandbox
		return "sandboxes"
	}
	return "others"
}

// processorTime returns the processor time of a process and its descendants. Other work on the computer changes it much
// less than a rate.
func processorTime(root int) (sum time.Duration, err error) {
	all, err := processes(root)
	for _, p := range all {
		sum += p.own + p.ended
	}
	return sum, err
}

// usage is the processor time of a stack by program.
type usage map[string]time.Duration

// usageOf returns the processor time of a process and its descendants so far.
func usageOf(root int) (usage, error) {
	all, err := processes(root)
	u := usage{}
	for _, p := range all {
		u[p.program] += p.own
		u["processes that ended"] += p.ended
	}
	return u, err
}

// since returns the processor time after an earlier point, for each of n objects.
func (u usage) since(before usage, n int) usage {
	each := usage{}
	for program, t := range u {
		each[program] = (t - before[program]) / time.Duration(n)
	}
	return each
}

// total is the sum of all programs.
func (u usage) total() (sum time.Duration) {
	for _, t := range u {
		sum += t
	}
	return sum
}

// programs returns the programs, those with the most processor time first.
func (u usage) programs() []string {
	return slices.SortedFunc(maps.Keys(u), func(a, b string) int {
		if d := u[b] - u[a]; d != 0 {
			return int(d)
		}
		return strings.Compare(a, b)
	})
}

// held is what a stack's processes hold.
type held struct {
	memory      float64 // MB of all processes together; memory that they share counts for each
	descriptors int
}

// heldBy returns what a process and its descendants hold now.
func heldBy(root int) (h held, err error) {
	all, err := processes(root)
	for _, p := range all {
		if rss, err := processMemory(p.pid, "VmRSS"); err == nil { // it may have ended
			h.memory += rss
		}
		open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid)) // none if it has ended
		h.descriptors += len(open)
	}
	return h, err
}

// processMemory reads a line of a process's status, in MB: VmRSS is its memory now, VmHWM the most that it had.
func processMemory(pid int, line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	_, after, _ := strings.Cut(string(text), "\n"+line+":")
	var kb float64
	if _, err := fmt.Sscan(after, &kb); err != nil {
		return 0, fmt.Errorf("read %s of process %d: %w", line, pid, err)
	}
	return kb * 1024 / 1e6, nil
}

// ownProcessorTime returns the processor time of a process without its children.
func ownProcessorTime(pid int) (time.Duration, error) {
	all, err := processes(pid)
	for _, p := range all {
		if p.pid == pid {
			return p.own, err
		}
	}
	return 0, errors.Join(err, fmt.Errorf("read the processor time of process %d: it has ended", pid))
}
