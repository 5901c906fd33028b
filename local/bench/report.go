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

	"golang.org/x/sys/unix"
)

// report collects rows, and prints each at once, because a run takes minutes.
type report struct {
	Machine computer  `json:"machine"`
	Time    time.Time `json:"time"`
	Amounts amounts   `json:"amounts"`
	Rows    []row     `json:"rows"`

	w           io.Writer
	measurement string // that is made now
}

// row is one figure. Aim is its upper bound or, with AtLeast, its lower bound. A row without an aim is for comparison.
type row struct {
	Measurement string  `json:"measurement"`
	Name        string  `json:"name"`
	Value       float64 `json:"value"`
	Unit        string  `json:"unit"`
	Aim         float64 `json:"aim,omitempty"`
	AtLeast     bool    `json:"atLeast,omitempty"`
	Foreign     float64 `json:"foreign"`          // processors that others used meanwhile
	Spoilt      string  `json:"spoilt,omitempty"` // why a ratio is not stated, or an aim not judged
}

// computer describes the computer, on which figures depend. Load is the average of the minute before the run.
type computer struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	Engine string  `json:"engine"`
	Files  string  `json:"files"` // what holds the files of the stack: "files in memory" or "files on a disk"
	Load   float64 `json:"load"`
}

// newReport begins the report of a run with this version of the engine, whose files are below work.
func newReport(a amounts, engine, work string, w io.Writer) *report {
	r := &report{Machine: thisComputer(), Time: time.Now().UTC(), Amounts: a, w: w}
	r.Machine.Engine, r.Machine.Files = engine, filesIn(work)
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, Linux %s, %s, %s, %s, load %.1f at the start\n", m.CPU, m.Cores, m.Kernel, m.Go,
		m.Engine, m.Files, m.Load)
	fmt.Fprintf(w, "%*s  %s\n", nameWidth+13, "measured", "aim")
	return r
}

// filesIn says whether a folder is in memory.
func filesIn(dir string) string {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err == nil && fs.Type == unix.TMPFS_MAGIC {
		return "files in memory"
	}
	return "files on a disk"
}

// begin begins the rows of a measurement.
func (r *report) begin(m measurement) {
	r.measurement = m.name
	fmt.Fprintf(r.w, "\n%s\n", m.title)
}

func (r *report) add(x row) {
	x.Measurement = r.measurement
	r.Rows = append(r.Rows, x)
	fmt.Fprintln(r.w, x)
}

// figures adds rows of what was measured under one load.
type figures struct {
	*report
	load
}

// during returns what adds rows of figures that were measured under a load of others.
func (r *report) during(l load) figures { return figures{r, l} }

// plain adds a figure without an aim.
func (f figures) plain(name string, value float64, unit string) {
	f.add(row{Name: name, Value: value, Unit: unit, Foreign: f.foreign})
}

// atMost adds a figure with an upper bound.
func (f figures) atMost(name string, value float64, unit string, aim float64) {
	f.judge(row{Name: name, Value: value, Unit: unit, Aim: aim})
}

// atLeast adds a figure with a lower bound.
func (f figures) atLeast(name string, value float64, unit string, aim float64) {
	f.judge(row{Name: name, Value: value, Unit: unit, Aim: aim, AtLeast: true})
}

// ratio adds a figure that compares two rates or times. It is not stated under a load of others that spoils it.
func (f figures) ratio(x row) {
	if f.spoils() {
		x.Value = 0
	}
	f.judge(x)
}

// judge adds a row, without a judgement about its aim if others spoiled it.
func (f figures) judge(x row) {
	x.Foreign = f.foreign
	if f.spoils() {
		x.Spoilt = f.load.String()
	}
	f.add(x)
}

// nameWidth is the width of the table's first column.
const nameWidth = 78

func (x row) String() string {
	line := fmt.Sprintf("%-*s %7s %-4s", nameWidth, x.Name, x.value(), x.Unit)
	if bound := x.bound(); bound != "" {
		line += "  " + bound
	}
	if x.missed() {
		line += "  MISSED"
	}
	if x.Spoilt != "" {
		line += "  (" + x.Spoilt + ")"
	}
	return strings.TrimRight(line, " ")
}

// value is the figure as text.
func (x row) value() string {
	if x.Spoilt != "" && x.Value == 0 {
		return "-"
	}
	if x.Value >= 1000 {
		return fmt.Sprintf("%.0f", x.Value)
	}
	return fmt.Sprintf("%.3g", x.Value)
}

// bound is the aim as text, "" without one.
func (x row) bound() string {
	switch {
	case x.Aim == 0:
		return ""
	case x.AtLeast:
		return fmt.Sprintf(">= %g", x.Aim)
	}
	return fmt.Sprintf("<= %g", x.Aim)
}

// missed reports whether the figure misses its aim.
func (x row) missed() bool {
	if x.Aim == 0 || x.Spoilt != "" {
		return false
	}
	if x.AtLeast {
		return x.Value < x.Aim
	}
	return x.Value > x.Aim
}

// spoilt returns how many rows others have spoiled.
func (r *report) spoilt() (n int) {
	for _, x := range r.Rows {
		if x.Spoilt != "" {
			n++
		}
	}
	return n
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

func thisComputer() computer {
	m := computer{CPU: "unknown CPU", Cores: runtime.NumCPU(), Go: runtime.Version()}
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

// percentile returns the value that p percent of the values do not exceed. It sorts values.
func percentile(values []time.Duration, p int) time.Duration {
	slices.Sort(values)
	return values[(len(values)*p+99)/100-1]
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
