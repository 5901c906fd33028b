package endtoend

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
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// testEngine breaks the engine or its function during a scan. The next attempt starts a new engine, and the file gets
// its verdict.
func (p *proxy) testEngine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		process string // name of the process that is broken
		breaks  func(pid int) error
		virus   bool
		want    end
	}{
		{"clamd killed", "clamd", sendSignal(syscall.SIGKILL), true, endQuarantined},
		{"clamd crashed", "clamd", sendSignal(syscall.SIGSEGV), false, endClean},
		{"clamd hung", "clamd", sendSignal(syscall.SIGSTOP), true, endQuarantined},
		{"clamd lost its temporary folder", "clamd", removeTemporaryFolder, true, endQuarantined},
		{"scan killed", "bootstrap", sendSignal(syscall.SIGKILL), false, endClean},
		{"out of memory: all killed", "bootstrap", func(pid int) error {
			return syscall.Kill(-pid, syscall.SIGKILL) // its process group
		}, true, endQuarantined},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			content := longScan(t, test.virus)
			o := p.Put(t, "engine/"+test.name, content)
			pid := p.scanning(t, o, test.process)
			if err := test.breaks(pid); err != nil {
				t.Fatalf("break %s, process %d: %v", test.process, pid, err)
			}
			r := p.Await(t, o)
			if occurrences(r.States, "Scan") != 1 || occurrences(p.retried(t, r), "Scan") == 0 {
				t.Errorf(
					"got states %v, retried %v, %+v, want one Scan that was retried",
					r.States,
					p.retried(t, r),
					r.Failure,
				)
			}
			p.checkEnds(t, map[job.Object]end{o: test.want})
			p.checkBytes(t, o, test.want, content)
		})
	}
}

// removeTemporaryFolder removes clamd's temporary folder, at the path that the process has for it. clamd may create a
// file between the removal of the files and that of the folder.
func removeTemporaryFolder(pid int) (err error) {
	for range 1000 {
		if err = os.RemoveAll(fmt.Sprintf("/proc/%d/cwd/tmp", pid)); err == nil {
			return nil
		}
	}
	return err
}

// testCrashingFile kills each engine that scans a certain file. After two crashes the file is UNSCANNABLE, and the
// files beside it get their verdicts.
func (p *proxy) testCrashingFile(t *testing.T) {
	t.Parallel()
	for name, process := range map[string]string{"its engine": "clamd", "its environment": "bootstrap"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := p.Put(t, "crashing/"+name, longScan(t, true))
			want := map[job.Object]end{o: endUnscannable}
			for i := range 6 {
				want[p.Put(t, fmt.Sprintf("crashing/%s, neighbour %d", name, i), sample.Text("neighbour"))] = endClean
			}
			for range 2 {
				pid := p.scanning(t, o, process)
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				harness.Poll(t, "the end of the process", func() bool { return !p.runs(pid) })
			}
			for neighbour := range want {
				r := p.Await(t, neighbour)
				if neighbour == o && outcome(r).Reason != job.EngineCrash {
					t.Errorf("got %+v, %+v, want the reason %s", outcome(r), r.Failure, job.EngineCrash)
				}
			}
			p.checkEnds(t, want)
		})
	}
}

// workFile is the path of the object's work file of the lane that has one, or "".
func (m *machine) workFile(o job.Object) string {
	standard := job.Job{Object: o}.ExecutionName()
	for _, name := range m.WorkFiles() {
		lane, ofExpress := strings.CutPrefix(name, standard+".express-")
		if name == standard || ofExpress && !strings.Contains(lane, ".") { // marks have another dot
			return m.WorkPath(name)
		}
	}
	return ""
}

// scanning waits until clamd scans the object. It returns the process with this name (clamd, or the function) that
// has the work file open.
func (m *machine) scanning(t testing.TB, o job.Object, name string) (pid int) {
	t.Helper()
	harness.Poll(t, name+" with the work file of "+o.Key, func() bool {
		path := m.workFile(o)
		clamd := 0
		pid = 0
		if path == "" {
			return false
		}
		for _, process := range m.Processes() {
			if !process.HasOpen(path) {
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

// runs reports whether a process of the machine has this id.
func (m *machine) runs(pid int) bool {
	return slices.ContainsFunc(m.Processes(), func(p harness.Process) bool { return p.PID == pid })
}

// longScanMembers is how many members longScan's file has. The engine is shown each of them: with 8,000 that took 2.9 s
// on two idle cores, with 25,000 8.7 s. A test looks for the processes that scan the file every 10 ms.
const longScanMembers = 8000

// longScan returns a file that takes long to scan, with EICAR at its end.
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
	for i := range longScanMembers {
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

func sendSignal(s syscall.Signal) func(int) error {
	return func(pid int) error { return syscall.Kill(pid, s) }
}

func occurrences(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// retried returns the states whose task failed and was tried again.
func (m *machine) retried(t testing.TB, r harness.Result) (states []string) {
	t.Helper()
	failed := false
	for _, e := range m.History(t, r.ARN) {
		if e.Kind == history.Attempted && failed {
			states = append(states, e.State)
		}
		failed = e.Kind == history.AttemptFailed
	}
	return states
}
