package endtoend

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestKilledMachine kills the machine twice while it scans 200 uploads and starts it again on its data. Each upload
// gets its verdict, and as many objects may be in work as before. EXPRESS executions end with the machine, and their
// messages come again.
func TestKilledMachine(t *testing.T) {
	eachLane(t, testKilledMachine)
}

func testKilledMachine(t *testing.T, workflow string) {
	data := t.TempDir()
	flags := []string{
		"--time-scale",
		"50",
		"--parameter-overrides",
		"BucketLayout=three-bucket",
		"MaxConcurrentScans=2",
		workflow,
	}
	m := launch(t, data, flags...)
	var mu sync.Mutex
	want, contents := map[job.Object]end{}, map[job.Object][]byte{}
	var uploads sync.WaitGroup
	for worker := range 10 {
		uploads.Go(func() {
			for i := range 20 {
				content, e := sample.Text(fmt.Sprint(worker, i)), endClean
				if i%4 == 0 {
					content, e = eicar.Bytes(), endQuarantined
				}
				o := m.Put(t, fmt.Sprintf("%d/%d", worker, i), content)
				mu.Lock()
				want[o], contents[o] = e, content
				mu.Unlock()
			}
		})
	}
	uploads.Wait()
	for range 2 {
		before := m.finished(t)
		harness.Poll(t, "more verdicts", func() bool { return m.finished(t) > before+10 })
		t.Logf("killed after %d verdicts of %d", m.finished(t), len(want))
		if err := m.End(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		m = launch(t, data, flags...)
	}
	m.AwaitIdle(t)
	m.CheckPermits(t, 2)
	m.removeFilesOfKilledLanes(t)
	if names := m.executions(t, ""); len(names) != len(want) {
		t.Errorf("got %d executions, want %d", len(names), len(want))
	}
	// The local S3 writes a copy first and its tags then; S3 makes both at once.
	// Killed in between it leaves a promoted object, whole, without its tags.
	const untagged end = "clean "
	letters := m.deadLetterObjects(t)
	for o, e := range want {
		if e == endClean && m.endOf(t, o, letters) == untagged {
			t.Logf("%s was promoted without its tags", o)
			got, err := m.Read(t.Context(), job.Object{Bucket: harness.Clean, Key: o.Key})
			if err != nil || !bytes.Equal(got, contents[o]) {
				t.Errorf("%s: got other bytes in the clean bucket (%v), want those of the upload", o, err)
			}
			delete(want, o)
		}
	}
	m.checkEnds(t, want)
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
}

// removeFilesOfKilledLanes removes the work files of EXPRESS executions that the machine was killed with. Each has a
// lane of its own in its name, so no other execution removes it; freshclam does after days.
func (m *machine) removeFilesOfKilledLanes(t *testing.T) {
	t.Helper()
	for _, name := range m.WorkFiles() {
		if !strings.Contains(name, ".express-") {
			t.Errorf("the work file %s is left, want those of EXPRESS executions that were killed at most", name)
		}
	}
	m.RemoveWorkFiles(t)
}

// finished returns how many executions have succeeded.
func (m *machine) finished(t testing.TB) (n int) {
	t.Helper()
	for _, e := range m.List(t) {
		if e.Status == history.Succeeded {
			n++
		}
	}
	return n
}
