package sandbox

import (
	"sync"
	"time"
)

const (
	// checkInterval is how often the memory and the threads of an environment are checked during an invocation.
	checkInterval = 250 * time.Millisecond
	// idleChecks is after how many intervals an idle environment is checked.
	idleChecks = 4
)

// watch looks at the environments of this process. One goroutine does it for all: if each keeper did it for its own, 50
// of them would wake up 200 times a second.
type watch struct {
	mu      sync.Mutex
	all     map[*Process]struct{}
	running bool // whether run runs
}

var watched = watch{all: map[*Process]struct{}{}}

// add adds an environment, and starts the goroutine if it does not run.
func (w *watch) add(p *Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[p] = struct{}{}
	if !w.running {
		w.running = true
		go w.run()
	}
}

func (w *watch) remove(p *Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, p)
}

// run ends when no environment is left.
func (w *watch) run() {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		<-ticker.C
		due, more := w.due(n%idleChecks == 0)
		if !more {
			return
		}
		for _, p := range due {
			if p.mayExceed() {
				p.command('c')
			}
		}
	}
}

// due returns the environments to check, and whether there are any at all: else run has to end.
func (w *watch) due(idle bool) (due []*Process, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.all {
		if idle || !p.idle.Load() {
			due = append(due, p)
		}
	}
	w.running = len(w.all) > 0
	return due, w.running
}

// mayExceed reports whether an environment may be above a limit, which its keeper finds out: what processes use is at
// most what is resident, and takes longer to read.
func (p *Process) mayExceed() bool {
	var threads int
	var memory int64
	for _, d := range descendants(p.cmd.Process.Pid) {
		threads += d.threads
		memory += d.resident()
	}
	return threads > maxThreads || memory > p.memory
}
