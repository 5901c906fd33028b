package endtoend

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// lanesOf returns the lanes and ends of a job's executions, the newest first.
func (m *machine) lanesOf(t *testing.T, j job.Job) (all []string) {
	t.Helper()
	executions, err := m.Executions.FindName(t.Context(), j.ExecutionName(), history.Window{})
	if err != nil && !errors.Is(err, history.ErrNotFound) {
		t.Fatalf("look for %s: %v", j.ExecutionName(), err)
	}
	for _, e := range executions {
		all = append(all, fmt.Sprintf("%s %s %s", e.Lane, e.Status, e.Error))
	}
	return all
}

// TestExpressWithoutDefinitions checks that an EXPRESS execution whose Scan waits for definitions ends after its five
// minutes, that the STANDARD one then waits as long as the state machine says, and that the dead letter gets its
// verdict in the EXPRESS lane when definitions exist.
func TestExpressWithoutDefinitions(t *testing.T) {
	t.Parallel()
	m := start(t, "--definitions", "none", "--time-scale", "2000", "--parameter-overrides", "Workflow=EXPRESS")
	infected, harmless := m.Put(t, "infected", eicar.Bytes()), m.Put(t, "clean", sample.Text("early"))
	for _, o := range []job.Object{infected, harmless} {
		r := m.Await(t, o)
		if r.Failure.Error != job.Name(job.ErrDefinitionsNotReady) || occurrences(m.retried(t, r), "Scan") != 10 {
			t.Errorf("%s: got %+v, retried %v, want DefinitionsNotReady after ten of Scan", o, r.Failure, m.retried(t, r))
		}
		got := strings.Join(m.lanesOf(t, job.Job{Object: o}), ", ")
		if want := "STANDARD FAILED DeadLettered, EXPRESS TIMED_OUT "; got != want {
			t.Errorf("%s: got executions %q, want %q", o, got, want)
		}
	}
	m.checkEnds(t, map[job.Object]end{infected: endDeadLetter, harmless: endDeadLetter})
	if said := m.Output.String(); strings.Count(said, "AGAIN") != 2 || strings.Count(said, "NO VERDICT") != 2 {
		t.Errorf("the machine printed %s, want a line about each execution", said)
	}
	m.RemoveWorkFiles(t)

	source := filepath.Join(t.TempDir(), "definitions")
	if err := definitions.WriteTest(source); err != nil {
		t.Fatal(err)
	}
	if _, err := definitions.Open(m.inside("volume", "lazaret", "definitions")).Publish(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	m.redriveAll(t)
	for _, o := range []job.Object{infected, harmless} {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); r.Status != "SUCCEEDED" || r.Lane != history.Express {
			t.Errorf("%s: second attempt: got %s in %s, %+v, want SUCCEEDED in EXPRESS", o, r.Status, r.Lane, r.Failure)
		}
	}
	m.checkEnds(t, map[job.Object]end{infected: endQuarantined, harmless: endClean})
	m.CheckPermits(t, 20)
}

// TestExpressSize checks that an object of more than 64 MiB goes to the STANDARD lane alone, and the largest of those
// that are not to the EXPRESS lane alone.
func TestExpressSize(t *testing.T) {
	t.Parallel()
	m := start(t, "--parameter-overrides", "Workflow=EXPRESS")
	for size, want := range map[int]string{64 << 20: "EXPRESS SUCCEEDED ", 64<<20 + 1: "STANDARD SUCCEEDED "} {
		o := m.Put(t, fmt.Sprint(size), sample.Filler(size))
		r := m.Await(t, o)
		if got := strings.Join(m.lanesOf(t, job.Job{Object: o}), ", "); got != want || outcome(r).Verdict != job.Clean {
			t.Errorf("%d bytes: got executions %q, %+v, want %q and CLEAN", size, got, outcome(r), want)
		}
	}
	m.AwaitIdle(t)
	m.CheckPermits(t, 20)
}

// TestExpressDuplicates sends the event of each object several times at once. Names of EXPRESS executions refuse no
// duplicate, so that executions of one object run side by side. Each object ends as if its event had come once, and is
// announced under one id.
func TestExpressDuplicates(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"two-bucket", "three-bucket"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--time-scale", "10", "--parameter-overrides",
				"MaxConcurrentScans=6 AnnounceClean=true Workflow=EXPRESS BucketLayout="+layout)
			m.subscribe(t)
			want := map[job.Object]end{}
			for i := range 6 {
				want[m.Put(t, fmt.Sprint("infected ", i), eicar.Bytes())] = endQuarantined
				want[m.Put(t, fmt.Sprint("clean ", i), sample.Text(fmt.Sprint(i)))] = endClean
			}
			for o := range want {
				for range 2 {
					m.SendEvent(t, o)
				}
			}
			m.AwaitIdle(t)
			for o := range want {
				if executions := m.lanesOf(t, job.Job{Object: o}); len(executions) != 3 {
					t.Errorf("%s: got executions %v, want three", o, executions)
				}
			}
			m.checkEnds(t, want)
			told := m.announcements(t)
			for o := range want {
				ids := map[string]bool{}
				for _, a := range told[o] {
					ids[a.ID] = true
				}
				if len(ids) != 1 {
					t.Errorf("%s: got the announcement ids %v of %d, want one id", o, ids, len(told[o]))
				}
			}
			m.CheckPermits(t, 6)
		})
	}
}

// TestExpressKilledMachine kills the machine while an EXPRESS execution scans, and starts it on the same data. The
// execution is gone; the message brings another one.
func TestExpressKilledMachine(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	flags := []string{"--time-scale", "50", "--parameter-overrides", "MaxConcurrentScans=1 Workflow=EXPRESS"}
	m := launch(t, data, flags...)
	o := m.Put(t, "long", longScan(t, true))
	next := m.Put(t, "next", sample.Text("next"))
	m.scanning(t, o, "clamd")
	if err := m.End(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m = launch(t, data, flags...)
	want := map[job.Object]end{o: endQuarantined, next: endClean}
	for o := range want {
		if r := m.Await(t, o); r.Lane != history.Express || r.Status != "SUCCEEDED" {
			t.Errorf("%s: got %s in %s, %+v, want SUCCEEDED in EXPRESS", o, r.Status, r.Lane, r.Failure)
		}
	}
	got := strings.Join(m.lanesOf(t, job.Job{Object: o}), ", ")
	if want := "EXPRESS SUCCEEDED , EXPRESS RUNNING "; got != want {
		t.Errorf("got executions %q, want %q: the log has no end of the one that was killed", got, want)
	}
	m.AwaitIdle(t)
	m.removeFilesOfKilledLanes(t)
	m.checkEnds(t, want)
	m.CheckPermits(t, 1)
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
}
