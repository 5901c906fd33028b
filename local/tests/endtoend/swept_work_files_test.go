package endtoend

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestSwept removes the work file between Fetch and Scan. It is fetched again, at most three times in all. The test
// stops the processes of scan from the fetch until the removal; with --freeze the machine would continue them.
func TestSwept(t *testing.T) {
	t.Parallel()
	p := startWithProxy(t, "--time-scale", "200", "--freeze=false", "--parameter-overrides", "MaxConcurrentScans=1")
	p.Await(t, p.Put(t, "first of all", sample.Text("starts the environment")))
	var scan []int
	for _, process := range p.Processes() {
		if strings.HasSuffix(process.Command, filepath.Join("build", "scan", "bootstrap")) {
			scan = append(scan, process.PID)
		}
	}
	if len(scan) == 0 {
		t.Fatalf("got the processes %v, want scan among them", p.Processes())
	}
	const again = "Fetch Scan Refetch "
	for _, test := range []struct {
		name   string
		sweeps int
		want   end
		states string
	}{
		{"once", 1, endQuarantined, again + "Fetch Scan Tag Route Quarantine Notify Done"},
		{"twice", 2, endQuarantined, again + again + "Fetch Scan Tag Route Quarantine Notify Done"},
		{"every time", 100, endDeadLetter, again + again + again + "DeadLetter Reported Failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fetches := 0
			key := "swept/" + test.name
			p.addFault(
				"fetch GetObject",
				key,
				firstCalls(
					test.sweeps,
					func(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
						signal(t, scan, syscall.SIGSTOP)
						name := job.Job{
							Object: job.Object{
								Bucket:    harness.Uploads,
								Key:       key,
								VersionID: r.URL.Query().Get("versionId"),
							},
						}.ExecutionName()
						fetches++
						go p.sweep(t, p.WorkPath(workdir.Name(name, fetches)), scan)
						forward.ServeHTTP(w, r)
					},
				),
			)
			o := p.Put(t, key, eicar.Bytes())
			r := p.Await(t, o)
			if got := strings.Join(r.States, " "); got != test.states {
				t.Errorf("got states %s\nwant       %s", got, test.states)
			}
			if test.want == endDeadLetter && (r.Failure.Error != job.Name(job.ErrWorkFileGone) || r.Job.Scan != nil) {
				t.Errorf("got dead letter %+v, scan %+v, want WorkFileGone and no scan", r.Failure, r.Job.Scan)
			}
			if test.want != endDeadLetter && r.Job.Error != nil {
				t.Errorf("got the error %+v in the output, want none", r.Job.Error)
			}
			p.checkEnds(t, map[job.Object]end{o: test.want})
		})
	}
}

// signal sends a signal to processes.
func signal(t testing.TB, processes []int, s syscall.Signal) {
	t.Helper()
	for _, pid := range processes {
		if err := syscall.Kill(pid, s); err != nil {
			t.Errorf("send %s to process %d: %v", s, pid, err)
		}
	}
}

// sweep removes the file as soon as it exists, and continues scan.
func (p *proxy) sweep(t testing.TB, path string, scan []int) {
	for deadline := time.Now().Add(harness.WaitLimit / 2); os.Remove(path) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited %s for the file %s", harness.WaitLimit/2, path)
			break
		}
	}
	signal(t, scan, syscall.SIGCONT)
}
