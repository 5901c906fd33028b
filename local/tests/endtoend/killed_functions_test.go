package endtoend

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// forwardUnchanged is the action of a fault that changes nothing.
func forwardUnchanged(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	forward.ServeHTTP(w, r)
}

// testKilled kills each function before and after each of its calls. The next invocation brings the object to the end
// that it must have.
func (p *proxy) testKilled(t *testing.T) {
	t.Parallel()
	infected := eicar.Bytes()
	tests := []struct {
		function string
		content  []byte
		want     end
		calls    []string // so that a call more does not go untested unseen
	}{
		{"fetch", infected, endQuarantined, []string{"GetObject"}},
		{"fetch", sample.Filler(9 << 20), endClean, []string{"HeadObject", "GetObject", "GetObject"}},
		{"tag", infected, endQuarantined, []string{"GetObjectTagging", "PutObjectTagging"}},
		{
			"quarantine",
			infected,
			endQuarantined,
			[]string{
				"HeadObject",
				"GetObjectTagging",
				"CopyObject",
				"HeadObject",
				"GetObjectTagging",
				"PutObject",
				"DeleteObject",
			},
		},
		{
			"promote",
			sample.Text("promote me"),
			endClean,
			[]string{
				"HeadObject",
				"HeadObject",
				"CopyObject",
				"HeadObject",
				"GetObjectTagging",
				"GetObjectTagging",
				"DeleteObject",
			},
		},
		{"notify", infected, endQuarantined, []string{"Publish", "PutEvents"}},
	}
	for _, test := range tests {
		name := fmt.Sprintf("%s of %d bytes", test.function, len(test.content))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := "killed/" + name + "/untouched"
			untouched := p.addFault(test.function, key, forwardUnchanged)
			want := map[job.Object]end{p.Put(t, key, test.content): test.want}
			for o := range want {
				p.Await(t, o)
			}
			calls := untouched.seen()
			if !slices.Equal(calls, test.calls) {
				t.Errorf("got calls %q, want %q", calls, test.calls)
			}
			faults := map[job.Object]*proxyFault{}
			for n := range calls {
				for _, after := range []bool{false, true} {
					key := fmt.Sprintf("killed/%s/%d %t", name, n+1, after)
					f := p.addFault(test.function, key, p.kill(t, n+1, after))
					o := p.Put(t, key, test.content)
					faults[o], want[o] = f, test.want
				}
			}
			for o, f := range faults {
				if r := p.Await(t, o); r.Status != "SUCCEEDED" {
					t.Errorf("%s: got %s, %+v, want SUCCEEDED", o, r.Status, r.Failure)
				}
				if seen := len(f.seen()); seen <= len(calls)/2 {
					t.Errorf(
						"%s: got the calls %q, want more than %d, because a killed function calls again",
						o,
						f.seen(),
						len(calls)/2,
					)
				}
			}
			p.checkEnds(t, want)
			p.checkOnce(t, want, test.content)
		})
	}
}

// checkOnce checks that each infection was announced under one id, and that copies have the uploaded bytes.
func (p *proxy) checkOnce(t *testing.T, want map[job.Object]end, content []byte) {
	t.Helper()
	told := p.announcements(t)
	for o, e := range want {
		ids := map[string]bool{}
		for _, a := range told[o] {
			ids[a.ID] = true
			if a.Disposition != "quarantined" || a.Scan.Verdict != job.Infected {
				t.Errorf("%s: got the announcement %s, want INFECTED and quarantined", o, a.text())
			}
		}
		if announce := e == endQuarantined; announce != (len(ids) == 1) {
			t.Errorf("%s ended as %s: got the announcement ids %v, want one for an infection and else none", o, e, ids)
		}
		p.checkBytes(t, o, e, content)
	}
}

// checkBytes compares a moved object with what was uploaded.
func (p *proxy) checkBytes(t *testing.T, o job.Object, e end, content []byte) {
	t.Helper()
	if e == endQuarantined && !bytes.Equal(p.quarantinedBytes(t, o), content) {
		t.Errorf("%s: got other bytes in quarantine, want those of the upload", o)
	}
	if e == endClean {
		got, err := p.Read(t.Context(), job.Object{Bucket: harness.Clean, Key: o.Key})
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got other bytes in the clean bucket (%v), want those of the upload", o, err)
		}
	}
}
