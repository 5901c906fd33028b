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

// processorTime is what a process and all below it have used, by program: the
// name of the binary's folder for functions, of the binary for others. Unlike a
// rate, it hardly depends on what else the machine does.
func processorTime(root int) (map[string]time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
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
	sums := map[string]time.Duration{}
	for all := []int{root}; len(all) > 0; all = all[1:] {
		program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", all[0]))
		name := filepath.Base(program)
		if name == "bootstrap" {
			name = filepath.Base(filepath.Dir(program))
		}
		sums[name] += used[all[0]]
		all = append(all, children[all[0]]...)
	}
	return sums, nil
}
