package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report collects the rows and prints each as it comes: a run takes minutes.
type report struct {
	Machine machine   `json:"machine"`
	Time    time.Time `json:"time"`
	Amounts amounts   `json:"amounts"`
	Rows    []row     `json:"rows"`

	w io.Writer
}

// row is one figure. Aim is what it should be at most or, with AtLeast, at
// least; a row without one is there for comparison.
type row struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Aim     float64 `json:"aim,omitempty"`
	AtLeast bool    `json:"atLeast,omitempty"`
}

// machine is what a figure depends on. Load is that of the last minute before
// the run: other work on the machine makes figures worse than they are.
type machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	Load   float64 `json:"load"`
}

func newReport(a amounts, w io.Writer) *report {
	r := &report{Machine: thisMachine(), Time: time.Now().UTC(), Amounts: a, w: w}
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, Linux %s, %s, load %.1f at the start\n", m.CPU, m.Cores, m.Kernel, m.Go, m.Load)
	fmt.Fprintf(w, "%*s  %s\n", nameWidth+13, "measured", "aim")
	return r
}

func (r *report) add(x row) {
	r.Rows = append(r.Rows, x)
	fmt.Fprintln(r.w, x)
}

// atMost adds a figure that should not be higher than aim.
func (r *report) atMost(name string, value float64, unit string, aim float64) {
	r.add(row{Name: name, Value: value, Unit: unit, Aim: aim})
}

// atLeast adds a figure that should not be lower than aim.
func (r *report) atLeast(name string, value float64, unit string, aim float64) {
	r.add(row{Name: name, Value: value, Unit: unit, Aim: aim, AtLeast: true})
}

// plain adds a figure for comparison.
func (r *report) plain(name string, value float64, unit string) {
	r.add(row{Name: name, Value: value, Unit: unit})
}

// nameWidth is the width of the table's first column.
const nameWidth = 86

func (x row) String() string {
	line := fmt.Sprintf("%-*s %7.4g %-4s", nameWidth, x.Name, x.Value, x.Unit)
	if x.Aim == 0 {
		return strings.TrimRight(line, " ")
	}
	bound, missed := "<=", x.Value > x.Aim
	if x.AtLeast {
		bound, missed = ">=", x.Value < x.Aim
	}
	line += fmt.Sprintf("  %s %g", bound, x.Aim)
	if missed {
		line += "  MISSED"
	}
	return line
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func thisMachine() machine {
	m := machine{CPU: "unknown CPU", Cores: runtime.NumCPU(), Go: runtime.Version()}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(load), &m.Load)
	}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// percentile returns the value that p of 100 do not exceed. It sorts values.
func percentile(values []time.Duration, p int) time.Duration {
	slices.Sort(values)
	return values[(len(values)*p+99)/100-1]
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
