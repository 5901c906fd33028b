package machine

import (
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// More uploads than engines wait for their turn, and none is lost; without
// reserved concurrency they wait for a new account's quota of ten.
func TestPressure(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"MaxConcurrentScans=1", "MaxConcurrentScans=0"} {
		t.Run(parameter, func(t *testing.T) {
			t.Parallel()
			m := Start(t, "--time-scale", "100", "--parameter-overrides", parameter)
			want := map[job.Object]job.Verdict{}
			for i := range 6 {
				want[m.Put(t, fmt.Sprintf("clean %d", i), sample.Filler(1<<20+i))] = job.Clean
				want[m.Put(t, fmt.Sprintf("infected %d", i), eicar.Bytes())] = job.Infected
			}
			throttled := 0
			for o, verdict := range want {
				r := m.Await(t, o)
				if got := outcome(r).Verdict; got != verdict {
					t.Errorf("%s: %q, %+v", o, got, r.Dead)
				}
				for _, e := range m.History(t, r.ARN) {
					if title(e) == "TaskFailed Lambda.TooManyRequestsException" {
						throttled++
					}
				}
			}
			if throttled == 0 && parameter == "MaxConcurrentScans=1" {
				t.Error("nothing waited, so this test shows nothing")
			}
			m.Idle(t)
			if left := m.Bodies(t, DeadQueue); len(left) > 0 {
				t.Errorf("dead letters %q", left)
			}
		})
	}
}
