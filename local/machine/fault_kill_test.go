package machine

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// pass disturbs nothing.
func pass(_ int, _ call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	forward.ServeHTTP(w, r)
}

// testKilled kills functions before and after each of their calls: the next
// invocation brings the object to the end that it would have had.
func (p *proxy) testKilled(t *testing.T) {
	t.Parallel()
	infected := eicar.Bytes()
	tests := []struct {
		function string
		content  []byte
		want     end
		calls    []string // so that a call more does not go untested unseen
	}{
		{"fetch", infected, endQuarantined, []string{"HeadObject", "GetObject"}},
		{"tag", infected, endQuarantined, []string{"GetObjectTagging", "PutObjectTagging"}},
		{"quarantine", infected, endQuarantined, []string{
			"HeadObject", "GetObjectTagging", "CopyObject", "HeadObject", "GetObjectTagging", "PutObject", "DeleteObject",
		}},
		{"promote", sample.Text("promote me"), endClean, []string{
			"HeadObject", "HeadObject", "CopyObject", "HeadObject", "GetObjectTagging", "GetObjectTagging", "DeleteObject",
		}},
		{"notify", infected, endQuarantined, []string{"Publish", "PutEvents"}},
	}
	for _, test := range tests {
		t.Run(test.function, func(t *testing.T) {
			t.Parallel()
			key := "killed/" + test.function + "/untouched"
			untouched := p.on(test.function, key, pass)
			want := map[job.Object]end{p.Put(t, key, test.content): test.want}
			for o := range want {
				p.Await(t, o)
			}
			calls := untouched.seen()
			if !slices.Equal(calls, test.calls) {
				t.Errorf("calls %q, want %q", calls, test.calls)
			}
			faults := map[job.Object]*fault{}
			for n := range calls {
				for _, after := range []bool{false, true} {
					key := fmt.Sprintf("killed/%s/%d %t", test.function, n+1, after)
					f := p.on(test.function, key, p.kill(t, n+1, after))
					o := p.Put(t, key, test.content)
					faults[o], want[o] = f, test.want
				}
			}
			for o, f := range faults {
				if r := p.Await(t, o); r.Status != "SUCCEEDED" {
					t.Errorf("%s: %s, %+v", o, r.Status, r.Dead)
				}
				if seen := len(f.seen()); seen <= len(calls)/2 {
					t.Errorf("%s: %q calls in all: nothing was killed", o, f.seen())
				}
			}
			p.checkEnds(t, want)
			p.checkOnce(t, want, test.content)
		})
	}
}

// checkOnce looks for what may have been doubled or spoilt on the way:
// announcements, and bytes.
func (p *proxy) checkOnce(t *testing.T, want map[job.Object]end, content []byte) {
	t.Helper()
	told := p.told(t)
	for o, e := range want {
		ids := map[string]bool{}
		for _, a := range told[o] {
			ids[a.ID] = true
			if a.Disposition != "quarantined" || a.Scan.Verdict != job.Infected {
				t.Errorf("%s announced as %s", o, a.line())
			}
		}
		if announce := e == endQuarantined; announce != (len(ids) == 1) {
			t.Errorf("%s ended as %s and was announced under the ids %v", o, e, ids)
		}
		p.checkBytes(t, o, e, content)
	}
}

// checkBytes compares an object that was moved with what was uploaded.
func (p *proxy) checkBytes(t *testing.T, o job.Object, e end, content []byte) {
	t.Helper()
	if e == endQuarantined && !bytes.Equal(p.quarantinedBytes(t, o), content) {
		t.Errorf("%s: quarantine holds other bytes", o)
	}
	if e == endClean {
		if got, err := p.Read(t.Context(), job.Object{Bucket: Clean, Key: o.Key}); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the clean bucket holds other bytes: %v", o, err)
		}
	}
}
