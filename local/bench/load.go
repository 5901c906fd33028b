package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// load is what else the computer did during a measurement.
type load struct {
	took    time.Duration
	foreign float64 // processors that others used, on average
}

// spoilt is the share of the computer's processors that others may use. Above it, a ratio of two rates says more about
// them than about Lazaret.
const spoilt = 0.05

// spoils reports whether others used so much that ratios, and aims for times, are not stated.
func (l load) spoils() bool { return l.foreign > spoilt*float64(runtime.NumCPU()) }

func (l load) String() string {
	return fmt.Sprintf("others used %.2f of %d processors", l.foreign, runtime.NumCPU())
}

// and returns what else the computer did in two measurements that are compared: the worse of both.
func (l load) and(other load) load {
	return load{took: l.took + other.took, foreign: max(l.foreign, other.foreign)}
}

// watch tells what others do while something is measured: the processor time of the whole computer, without that of
// this process and all that it has started.
type watch struct {
	start      time.Time
	busy, ours time.Duration
}

// beginWatch begins a measurement.
func beginWatch() (watch, error) {
	w := watch{start: time.Now()}
	var err error
	if w.busy, err = busyTime(); err != nil {
		return w, err
	}
	w.ours, err = processorTime(os.Getpid())
	return w, err
}

// end ends the measurement.
func (w watch) end() (load, error) {
	now, err := beginWatch()
	if err != nil {
		return load{}, err
	}
	l := load{took: now.start.Sub(w.start)}
	others := now.busy - w.busy - (now.ours - w.ours)
	l.foreign = max(0, others.Seconds()/l.took.Seconds())
	return l, nil
}

// busyTime returns how long all processors together have worked since the computer started. What another virtual
// machine had of them (steal) counts too.
func busyTime() (busy time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read the load of the computer: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	// cpu user nice system idle iowait irq softirq steal guest guest_nice: proc(5). Guests are a part of user.
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("read the load of the computer: /proc/stat begins with %q", line)
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the load of the computer: %w", err)
		}
		busy += time.Duration(n) * tick
	}
	return busy, nil
}
