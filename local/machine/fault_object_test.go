package machine

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// testSwept removes the work file while Fetch still writes it: the file that
// Scan looks for is gone. It is fetched again, three times in all.
func (p *proxy) testSwept(t *testing.T) {
	t.Parallel()
	again := "Fetch Scan Refetch "
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
			t.Parallel()
			key := "swept/" + test.name
			p.on("fetch GetObject", key, first(test.sweeps, func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
				name := job.Job{Object: job.Object{Bucket: Uploads, Key: key, VersionID: r.URL.Query().Get("versionId")}}.ExecutionName()
				if err := os.Remove(p.workPath(name)); err != nil {
					t.Error(err)
				}
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
			p.checkEnds(t, map[job.Object]end{o: test.want})
		})
	}
}

// testDeleted lets the uploader delete the version for good while it is under
// way. An infection that was found by then is announced in any case.
func (p *proxy) testDeleted(t *testing.T) {
	t.Parallel()
	infected := eicar.Bytes()
	for _, test := range []struct {
		before  string // the call
		content []byte
		want    end
		told    string // the disposition, empty when nothing is announced
	}{
		{"fetch HeadObject", infected, endGone, ""},
		{"fetch GetObject", infected, endGone, ""},
		{"tag GetObjectTagging", infected, endGone, "gone"},
		{"tag PutObjectTagging", infected, endGone, "gone"},
		{"tag PutObjectTagging", sample.Text("c"), endGone, ""},
		{"quarantine HeadObject", infected, endGone, "gone"},
		{"quarantine GetObjectTagging", infected, endGone, "gone"},
		{"quarantine CopyObject", infected, endGone, "gone"},
		{"quarantine PutObject", infected, endQuarantined, "quarantined"},
		{"quarantine DeleteObject", infected, endQuarantined, "quarantined"},
		{"promote HeadObject", sample.Text("c"), endGone, ""},
		{"promote CopyObject", sample.Text("c"), endGone, ""},
		{"promote DeleteObject", sample.Text("c"), endClean, ""},
	} {
		name := "before " + test.before
		if test.told == "" {
			name += ", nothing to tell"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deleted := make(chan job.Object, 1)
			p.on(test.before, name, first(1, func(_ int, _ call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
				p.Delete(t, <-deleted)
				forward.ServeHTTP(w, r)
			}))
			o := p.Put(t, name, test.content)
			deleted <- o
			r := p.Await(t, o)
			if r.Status != "SUCCEEDED" {
				t.Errorf("%s, states %v, %+v", r.Status, r.States, r.Dead)
			}
			p.checkEnds(t, map[job.Object]end{o: test.want})
			told := p.told(t)[o]
			if test.told == "" && len(told) > 0 || test.told != "" && (len(told) != 1 || told[0].Disposition != test.told) {
				t.Errorf("announced %+v, want %q; states %v", told, test.told, r.States)
			}
		})
	}
}
