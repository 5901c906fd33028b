package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// TestSwept removes the work file between Fetch and Scan. It is fetched again,
// three times in all. The one environment of scan is stopped from the moment
// when bytes are fetched until the file is gone; freezing would let it go on.
func TestSwept(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, "--time-scale", "200", "--freeze=false", "--parameter-overrides", "MaxConcurrentScans=1")
	p.Await(t, p.Put(t, "first of all", sample.Text("starts the environment")))
	scan := 0
	for _, process := range p.Processes() {
		if strings.HasSuffix(process.Command, filepath.Join("build", "scan", "bootstrap")) {
			scan = process.PID
		}
	}
	if scan == 0 {
		t.Fatalf("scan is not among %v", p.Processes())
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
		{"every time", 100, endDead, again + again + again + "DeadLetter Failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fetches := 0
			key := "swept/" + test.name
			p.on("fetch GetObject", key, first(test.sweeps, func(_ int, _ call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
				if err := syscall.Kill(scan, syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
				name := job.Job{Object: job.Object{Bucket: Uploads, Key: key, VersionID: r.URL.Query().Get("versionId")}}.ExecutionName()
				fetches++
				go p.sweep(t, p.workPath(workdir.Name(name, fetches)), scan)
				forward.ServeHTTP(w, r)
			}))
			o := p.Put(t, key, eicar.Bytes())
			r := p.Await(t, o)
			if got := strings.Join(r.States, " "); got != test.states {
				t.Errorf("states %s\nwant   %s", got, test.states)
			}
			if test.want == endDead && (r.Dead.Error != job.Name(job.ErrWorkFileGone) || r.Job.Scan != nil) {
				t.Errorf("dead letter %+v, scan %+v", r.Dead, r.Job.Scan)
			}
			if test.want != endDead && r.Job.Error != nil {
				t.Errorf("it ended well and shows the error %+v", r.Job.Error)
			}
			p.checkEnds(t, map[job.Object]end{o: test.want})
		})
	}
}

// sweep removes the file as soon as it is there and lets scan go on.
func (p *proxy) sweep(t testing.TB, path string, scan int) {
	for deadline := time.Now().Add(patience / 2); os.Remove(path) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s never came", path)
			break
		}
	}
	if err := syscall.Kill(scan, syscall.SIGCONT); err != nil {
		t.Error(err)
	}
}
