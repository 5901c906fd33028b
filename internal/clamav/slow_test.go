package clamav

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/testing/slowinput"
)

var slowInputs = flag.Bool("slow-inputs", false, "measure what clamd takes for files that it is not shown whole")

// TestSlowInputs measures how long clamd takes for inputs of which one is twice as large as the other.
// A normal file of twice the size takes twice as long; for these files Lazaret limits the time.
func TestSlowInputs(t *testing.T) {
	if !*slowInputs {
		t.Skip("a measurement: go test ./internal/clamav -run TestSlowInputs -slow-inputs")
	}
	tests := []struct {
		name string
		make func(n int) []byte
		n    int
		// fixed is the minor version of ClamAV 1 from which on clamd is fast; 0 if there is none.
		fixed int
		// factor: each of n costs as much as a large file, and all grow in step.
		factor bool
	}{
		{name: "zip of empty members", make: func(n int) []byte { return slowinput.ZipOfEmpty(0, n) }, n: 2500, fixed: 5},
		{
			name:  "zip of 100 members and then empty ones",
			make:  func(n int) []byte { return slowinput.ZipOfEmpty(100, n) },
			n:     2500,
			fixed: 5,
		},
		{name: "zip of folders", make: slowinput.ZipOfFolders, n: 2500, fixed: 5},
		{name: "zip of members outside the file", make: slowinput.ZipOfNowhere, n: 2500, fixed: 5},
		{name: "DMG with stripes out of order", make: slowinput.DiskImageOutOfOrder, n: 6000},
		{name: "script of unescape", make: slowinput.ScriptOfUnescape, n: 16000},
		{
			name:   "cabinet going back",
			make:   func(n int) []byte { return slowinput.CabinetGoingBack(n, 1000) },
			n:      20,
			factor: true,
		},
	}
	e := engine(t, Config{})
	took := func(content []byte) time.Duration {
		t.Helper()
		before := processorTime(t, e)
		if got := scanned(t, e, onDisk(t, content)); got.Outcome != Clean {
			t.Errorf("Scan() = %+v, want Clean", got)
		}
		return processorTime(t, e) - before
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			once, twice := took(tt.make(tt.n)), took(tt.make(2*tt.n))
			t.Logf("%d: %s, %d: %s", tt.n, once, 2*tt.n, twice)
			slow := twice > 200*time.Millisecond && (tt.factor || float64(twice) > 2.6*float64(once))
			if want := tt.fixed == 0 || !e.version.atLeast(1, tt.fixed); slow != want {
				t.Errorf("%s takes %s for %d and %s for %d; slow = %t, want %t", e.Version(), once, tt.n, twice, 2*tt.n, slow, want)
			}
		})
	}
}

// processorTime returns the CPU time that the engine's process has used, which does not depend on the
// load of the machine.
func processorTime(t testing.TB, e *Engine) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.proc.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	var state byte
	var skip int64
	var user, system int64 // in 1/100 s, USER_HZ on every architecture of Linux
	if _, err := fmt.Sscanf(string(rest), "%c %d %d %d %d %d %d %d %d %d %d %d %d",
		&state, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
