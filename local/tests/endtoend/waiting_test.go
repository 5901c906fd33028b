package endtoend

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestUploadsWait sends the events of 300 uploads at once. They wait in the queue until an engine is free: no
// invocation is refused because all engines are busy, but a handful at most, and no upload is overtaken by many later
// ones. Without reserved concurrency two are in work at once.
func TestUploadsWait(t *testing.T) {
	t.Parallel()
	for maxConcurrentScans, tt := range map[int]struct {
		permits  int
		workflow string
	}{
		1: {1, "STANDARD"}, 2: {2, "EXPRESS"}, 4: {4, "STANDARD"}, 0: {2, "STANDARD"},
	} {
		parameters := fmt.Sprintf("MaxConcurrentScans=%d Workflow=%s", maxConcurrentScans, tt.workflow)
		t.Run(parameters, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--time-scale", "10", "--parameter-overrides", parameters)
			for i := range 4 * tt.permits { // later every dispatch is as quick as the others
				m.Put(t, fmt.Sprint("warm ", i), sample.Text(fmt.Sprint("warm ", i)))
			}
			m.AwaitIdle(t)
			before := len(m.List(t))
			held := m.SilentBucket(t, "held")
			var objects []job.Object
			want := map[job.Object]end{}
			for i := range 300 {
				content, e := sample.Text(fmt.Sprint("wait ", i)), endClean
				if i%10 == 0 {
					content, e = eicar.Bytes(), endQuarantined
				}
				o := m.Put(t, fmt.Sprintf("%03d", i), content, held)
				objects, want[o] = append(objects, o), e
			}
			for _, o := range objects {
				m.SendEvent(t, o)
			}
			m.AwaitIdle(t)
			m.checkEnds(t, want)
			m.checkOrder(t, before, objects, tt.permits)
			m.CheckPermits(t, tt.permits)
			if left := m.Bodies(t, harness.DeadLetterQueue); len(left) > 0 {
				t.Errorf("got dead letters %q, want none", left)
			}
		})
	}
}

// checkOrder checks that after the first executions each object was started, that none was overtaken by more than twice
// as many later ones as are in work at once, and that hardly an invocation was refused because all engines were busy.
func (m *machine) checkOrder(t *testing.T, first int, objects []job.Object, permits int) {
	t.Helper()
	executions := m.List(t)
	slices.Reverse(executions) // the oldest first
	executions = executions[first:]
	slices.SortStableFunc(executions, func(a, b history.Execution) int { return a.Started.Compare(b.Started) })
	place, throttled := map[string]int{}, 0
	for i, e := range executions {
		place[e.Name] = i
		for _, event := range m.History(t, e.ARN) {
			if event.Error == "Lambda.TooManyRequestsException" {
				throttled++
			}
		}
	}
	if len(place) != len(objects) || len(executions) != len(objects) {
		t.Errorf("got %d executions of %d names, want one for each of %d objects", len(executions), len(place), len(objects))
	}
	if throttled > 5 {
		t.Errorf("got %d invocations that were refused for want of an engine, want 5 at most", throttled)
	}
	most := 0
	for i, o := range objects {
		overtaken := 0
		for _, later := range objects[i+1:] {
			if place[job.Job{Object: later}.ExecutionName()] < place[job.Job{Object: o}.ExecutionName()] {
				overtaken++
			}
		}
		if most = max(most, overtaken); overtaken > 2*permits {
			t.Errorf("%s was overtaken by %d later ones, want %d at most", o.Key, overtaken, 2*permits)
		}
	}
	t.Logf("%d objects with %d permits: overtaken by %d at most, %d throttled", len(objects), permits, most, throttled)
}
