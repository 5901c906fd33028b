package endtoend

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestVersionChangedBeforeFetch changes the key between the event and Fetch. Every version gets its own verdict
// unless it was deleted permanently. The test sends the events itself.
func TestVersionChangedBeforeFetch(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, _ string) {
		held := m.SilentBucket(t, "changed-before-fetch")
		clean, infected := sample.Text("first"), eicar.Bytes()
		tests := []struct {
			name   string
			first  []byte
			change func(t *testing.T, first job.Object)
			want   job.Verdict // empty where nothing is left to judge
		}{
			{
				"infected overwritten by clean",
				infected,
				func(t *testing.T, o job.Object) { m.Put(t, o.Key, sample.Text("second"), held) },
				job.Infected,
			},
			{
				"clean overwritten by infected",
				clean,
				func(t *testing.T, o job.Object) { m.Put(t, o.Key, infected, held) },
				job.Clean,
			},
			{
				"overwritten by the same bytes",
				infected,
				func(t *testing.T, o job.Object) { m.Put(t, o.Key, infected, held) },
				job.Infected,
			},
			{
				"infected hidden by a delete marker",
				infected,
				func(t *testing.T, o job.Object) { m.Delete(t, job.Object{Bucket: o.Bucket, Key: o.Key}) },
				job.Infected,
			},
			{
				"clean hidden by a delete marker",
				clean,
				func(t *testing.T, o job.Object) { m.Delete(t, job.Object{Bucket: o.Bucket, Key: o.Key}) },
				job.Clean,
			},
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
				m.SendEvent(t, o)
				r := m.Await(t, o)
				if test.want == "" {
					diff := cmp.Diff([]string{"Fetch", "Vanished", "Quarantine", "Unmoved", "Gone"}, r.States)
					if diff != "" || r.Status != "SUCCEEDED" {
						t.Errorf("got status %s, want SUCCEEDED; states (-want +got):\n%s", r.Status, diff)
					}
					return
				}
				if got := outcome(r).Verdict; got != test.want || r.Job.Object.VersionID != o.VersionID ||
					r.Job.Scan.Size != o.Size {
					t.Errorf("got verdict %q on %s, %+v, want %s", got, r.Job.Object, r.Failure, test.want)
				}
				if r.Job.Copy == nil {
					if got := m.Tags(t, o)["scan-status"]; got != string(test.want) {
						t.Errorf("scan-status of the version: got %q, want %s", got, test.want)
					}
				}
			})
		}
	})
}

func (m *machine) deleteFor(t *testing.T, o job.Object) { m.Delete(t, o) }

// TestTwoVersions checks that of two versions of a key only the infected one is moved.
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
				t.Errorf("clean version: got %q, want CLEAN", got)
			}
			moved := m.Await(t, objects[true])
			if moved.Job.Copy == nil || moved.Job.Copy.Bucket != harness.Quarantine {
				t.Errorf("infected version: got %+v, %+v, want a copy in quarantine", moved.Job, moved.Failure)
			}
			if diff := cmp.Diff([]string{objects[false].VersionID}, m.Versions(t, harness.Uploads, key)); diff != "" {
				t.Errorf("versions in uploads (-want +got):\n%s", diff)
			}
			for what, o := range map[string]job.Object{
				"by version": objects[false], "by key": {Bucket: harness.Uploads, Key: key},
			} {
				if got, err := m.Read(t.Context(), o); err != nil || !bytes.Equal(got, contents[false]) {
					t.Errorf("read the clean version %s: got %v, want its content", what, err)
				}
			}
			_, err := m.Read(t.Context(), objects[true])
			if awsclient.Status(err) != http.StatusForbidden && awsclient.Status(err) != http.StatusNotFound {
				t.Errorf("read the infected version: got %d, want 403 or 404", awsclient.Status(err))
			}
		})
	}
}

// TestSameEventThreeTimes checks that an event that is delivered three times, in one message or in three, starts one
// execution.
func TestSameEventThreeTimes(t *testing.T) {
	t.Parallel()
	m := start(t)
	held := m.SilentBucket(t, "delivered-three-times")
	separate, together := m.Put(t, "separate", eicar.Bytes(), held), m.Put(t, "together", eicar.Bytes(), held)
	for range 3 {
		m.SendEvent(t, separate)
	}
	m.SendEvent(t, together, together, together)
	for _, o := range []job.Object{separate, together} {
		if r := m.Await(t, o); outcome(r).Verdict != job.Infected || r.Job.Copy == nil {
			t.Errorf("%s: got %+v, want INFECTED and a copy", o, r)
		}
	}
	m.SendEvent(t, separate) // once more, when all is over
	m.AwaitIdle(t)
	for _, prefix := range []string{"separate-", "together-"} {
		if names := m.executions(t, prefix); len(names) != 1 {
			t.Errorf("got executions %q, want one", names)
		}
	}
	if out := m.DeadLetters(t); len(out) != 0 {
		t.Errorf("got dead letters %+v, want none", out)
	}
}
