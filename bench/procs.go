package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc, on every Linux that Go knows.
const tick = 10 * time.Millisecond

// processorTime is what a process and all below it have used. Unlike a rate, it
// hardly depends on what else the machine does.
func processorTime(root int) (sum time.Duration, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]int{}
	used := map[int]time.Duration{}
	for _, path := range stats {
		// After the name, which may hold anything, from the third field on.
		text, err := os.ReadFile(path)
		_, after, ok := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" "))
		if err != nil || !ok {
			continue // it has ended meanwhile
		}
		f := strings.Fields(string(after))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(f[1])
		children[parent] = append(children[parent], pid)
		for _, field := range f[11:15] { // utime, stime and those of children that have ended: proc(5)
			n, _ := strconv.Atoi(field)
			used[pid] += time.Duration(n) * tick
		}
	}
	for all := []int{root}; len(all) > 0; all = all[1:] {
		sum += used[all[0]]
		all = append(all, children[all[0]]...)
	}
	return sum, nil
}

// processMemory reads a line of a process's status, in MB: VmRSS is what it has
// in memory now, VmHWM the most that it had.
func processMemory(pid int, line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, after, _ := strings.Cut(string(text), "\n"+line+":")
	var kb float64
	if _, err := fmt.Sscan(after, &kb); err != nil {
		return 0, fmt.Errorf("read memory: %s: %w", line, err)
	}
	return kb * 1024 / 1e6, nil
}
