package machine

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// What happens to the key between the event and Fetch does not keep a version
// from its own verdict; only its permanent deletion does. The events are held
// back until then.
func TestVersionChangedBeforeFetch(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *Machine, _ string) {
		held := m.Hold(t, "changed-before-fetch")
		clean, infected := sample.Text("first"), eicar.Bytes()
		tests := []struct {
			name   string
			first  []byte
			change func(t *testing.T, first job.Object)
			want   job.Verdict // empty where nothing is left to judge
		}{
			{"infected overwritten by clean", infected, func(t *testing.T, o job.Object) { m.Put(t, o.Key, sample.Text("second"), held) }, job.Infected},
			{"clean overwritten by infected", clean, func(t *testing.T, o job.Object) { m.Put(t, o.Key, infected, held) }, job.Clean},
			{"overwritten by the same bytes", infected, func(t *testing.T, o job.Object) { m.Put(t, o.Key, infected, held) }, job.Infected},
			{"infected hidden by a delete marker", infected, func(t *testing.T, o job.Object) { m.Delete(t, job.Object{Bucket: o.Bucket, Key: o.Key}) }, job.Infected},
			{"clean hidden by a delete marker", clean, func(t *testing.T, o job.Object) { m.Delete(t, job.Object{Bucket: o.Bucket, Key: o.Key}) }, job.Clean},
			{"permanently deleted", infected, m.deleteFor, ""},
			{"permanently deleted, another version is there", infected, func(t *testing.T, o job.Object) {
				m.Put(t, o.Key, clean, held)
				m.Delete(t, o)
			}, ""},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				o := m.Put(t, test.name, test.first, held)
				test.change(t, o)
				m.Announce(t, o)
				r := m.Await(t, o)
				if test.want == "" {
					if diff := cmp.Diff([]string{"Fetch", "Vanished", "Gone"}, r.States); diff != "" || r.Status != "SUCCEEDED" {
						t.Errorf("status %s, states (-want +got):\n%s", r.Status, diff)
					}
					return
				}
				if got := outcome(r).Verdict; got != test.want || r.Job.Object.VersionID != o.VersionID || r.Job.Scan.Size != o.Size {
					t.Errorf("verdict %q on %s, %+v", got, r.Job.Object, r.Dead)
				}
				if r.Job.Copy == nil {
					if got := m.Tags(t, o)["scan-status"]; got != string(test.want) {
						t.Errorf("the version's verdict is %q", got)
					}
				}
			})
		}
	})
}

func (m *Machine) deleteFor(t *testing.T, o job.Object) { m.Delete(t, o) }

// Of two versions of one key the infected one goes, alone.
func TestTwoVersions(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	for name, infectedFirst := range map[string]bool{"infected, then clean": true, "clean, then infected": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := "two versions/" + name
			contents := map[bool][]byte{false: sample.Text("harmless"), true: eicar.Bytes()}
			objects := map[bool]job.Object{}
			for _, infected := range []bool{infectedFirst, !infectedFirst} {
				objects[infected] = m.Put(t, key, contents[infected])
			}
			if got := outcome(m.Await(t, objects[false])).Verdict; got != job.Clean {
				t.Errorf("clean version: %q", got)
			}
			moved := m.Await(t, objects[true])
			if moved.Job.Copy == nil || moved.Job.Copy.Bucket != Quarantine {
				t.Errorf("infected version: %+v, %+v", moved.Job, moved.Dead)
			}
			if diff := cmp.Diff([]string{objects[false].VersionID}, m.Versions(t, Uploads, key)); diff != "" {
				t.Errorf("versions left (-want +got):\n%s", diff)
			}
			for what, o := range map[string]job.Object{"by version": objects[false], "by key": {Bucket: Uploads, Key: key}} {
				if got, err := m.Read(t.Context(), o); err != nil || !bytes.Equal(got, contents[false]) {
					t.Errorf("read the clean version %s: %v", what, err)
				}
			}
			if _, err := m.Read(t.Context(), objects[true]); Status(err) != http.StatusForbidden && Status(err) != http.StatusNotFound {
				t.Errorf("read the infected version: %d", Status(err))
			}
		})
	}
}

// The same event delivered three times, in one message and in three, starts one
// execution.
func TestSameEventThreeTimes(t *testing.T) {
	t.Parallel()
	m := Start(t)
	held := m.Hold(t, "delivered-three-times")
	separate, together := m.Put(t, "separate", eicar.Bytes(), held), m.Put(t, "together", eicar.Bytes(), held)
	for range 3 {
		m.Announce(t, separate)
	}
	m.Announce(t, together, together, together)
	for _, o := range []job.Object{separate, together} {
		if r := m.Await(t, o); outcome(r).Verdict != job.Infected || r.Job.Copy == nil {
			t.Errorf("%s: %+v", o, r)
		}
	}
	m.Announce(t, separate) // once more, when all is over
	m.Idle(t)
	for _, prefix := range []string{"separate-", "together-"} {
		if names := m.executions(t, prefix); len(names) != 1 {
			t.Errorf("executions %q, want one", names)
		}
	}
	if out := m.DeadLetters(t); len(out) != 0 {
		t.Errorf("dead letters %+v", out)
	}
}
