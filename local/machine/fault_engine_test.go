package machine

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// testEngine breaks the engine in the middle of a scan: the next one starts from
// nothing and gives the verdict that the file deserves.
func (p *proxy) testEngine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lair  string // what the process that is hit is called
		hit   func(pid int) error
		virus bool
		want  end
	}{
		{"clamd killed", "clamd", signal(syscall.SIGKILL), true, endQuarantined},
		{"clamd crashed", "clamd", signal(syscall.SIGSEGV), false, endClean},
		{"clamd hung", "clamd", signal(syscall.SIGSTOP), true, endQuarantined},
		{"clamd lost its temporary folder", "clamd", func(pid int) error {
			return os.RemoveAll(fmt.Sprintf("/proc/%d/cwd/tmp", pid)) // wherever its view has it
		}, true, endQuarantined},
		{"scan killed", "bootstrap", signal(syscall.SIGKILL), false, endClean},
		{"out of memory: all killed", "bootstrap", func(pid int) error {
			return syscall.Kill(-pid, syscall.SIGKILL) // its process group
		}, true, endQuarantined},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			content := longScan(t, test.virus)
			o := p.Put(t, "engine/"+test.name, content)
			pid := p.scanning(t, o, test.lair)
			if err := test.hit(pid); err != nil {
				t.Fatalf("hit %s, process %d: %v", test.lair, pid, err)
			}
			r := p.Await(t, o)
			if count(r.States, "Scan") != 1 || count(p.retried(t, r), "Scan") == 0 {
				t.Errorf("states %v, retried %v, %+v: nothing was hit", r.States, p.retried(t, r), r.Dead)
			}
			p.checkEnds(t, map[job.Object]end{o: test.want})
			p.checkBytes(t, o, test.want, content)
		})
	}
}

// testKiller sees a file kill each engine that looks at it: after two it is left
// alone, and its neighbours do not notice.
func (p *proxy) testKiller(t *testing.T) {
	t.Parallel()
	for name, lair := range map[string]string{"its engine": "clamd", "its environment": "bootstrap"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := p.Put(t, "killer/of "+name, longScan(t, true))
			want := map[job.Object]end{o: endUnscannable}
			for i := range 6 {
				want[p.Put(t, fmt.Sprintf("killer/of %s, neighbour %d", name, i), sample.Text("neighbour"))] = endClean
			}
			for range 2 {
				pid := p.scanning(t, o, lair)
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				Poll(t, "its death", func() bool { return !p.runs(pid) })
			}
			for neighbour := range want {
				r := p.Await(t, neighbour)
				if neighbour == o && outcome(r).Reason != job.EngineCrash {
					t.Errorf("the killer: %+v, %+v", outcome(r), r.Dead)
				}
			}
			p.checkEnds(t, want)
		})
	}
}

// scanning waits until clamd looks at the object and returns the process of that
// name which has the work file open: clamd itself, or the function.
func (m *Machine) scanning(t testing.TB, o job.Object, name string) (pid int) {
	t.Helper()
	path := m.workPath(job.Job{Object: o}.ExecutionName())
	Poll(t, name+" with "+path, func() bool {
		clamd := 0
		pid = 0
		for _, process := range m.Processes() {
			if !process.holds(path) {
				continue
			}
			program, _, _ := strings.Cut(process.Command, " ")
			if filepath.Base(program) == name {
				pid = process.PID
			}
			if filepath.Base(program) == "clamd" {
				clamd = process.PID
			}
		}
		return pid != 0 && clamd != 0
	})
	return pid
}

// runs reports whether one of the machine's processes has this id.
func (m *Machine) runs(pid int) bool {
	return slices.ContainsFunc(m.Processes(), func(p Process) bool { return p.PID == pid })
}

// longScan is a file that the engine looks at for a while, with the infection
// at its end.
func longScan(t testing.TB, virus bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name string, content []byte) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 25000 {
		add(fmt.Sprintf("%d.txt", i), fmt.Appendf(nil, "%s, member %d of a long list\n", t.Name(), i))
	}
	if virus {
		add("last", eicar.Bytes())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func signal(s syscall.Signal) func(int) error {
	return func(pid int) error { return syscall.Kill(pid, s) }
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// retried are the states of the tasks that failed and were tried again.
func (m *Machine) retried(t testing.TB, r Result) (states []string) {
	t.Helper()
	state, failed := "", false
	for _, e := range m.History(t, r.ARN) {
		switch {
		case e.StateEnteredEventDetails != nil:
			state, failed = *e.StateEnteredEventDetails.Name, false
		case e.TaskFailedEventDetails != nil, e.TaskTimedOutEventDetails != nil:
			failed = true
		case e.TaskScheduledEventDetails != nil && failed:
			states = append(states, state)
			failed = false
		}
	}
	return states
}
