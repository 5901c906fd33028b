package endtoend

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestSlowExecution checks that an execution does not replace the worse verdict of one that scanned later. The object
// cannot be read, and stays where it is. Tag's role writes the later verdict before the slow execution's Tag.
func TestSlowExecution(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, layout string) {
		held := m.SilentBucket(t, "slow-"+layout)
		for _, test := range []struct {
			name, there string
			content     []byte
			ends        string // the last state
			status      string // on the object afterwards, where it is still there
		}{
			{"clean after infected", "INFECTED", sample.Text("slow"), "Superseded", "INFECTED"},
			{"clean after unscannable", "UNSCANNABLE", sample.Text("slow"), "Superseded", "UNSCANNABLE"},
			{"unscannable after infected", "INFECTED", encryptedZip(t), "Superseded", "INFECTED"},
			{"infected after clean", "CLEAN", eicar.Bytes(), "Done", ""},
			{"infected after infected", "INFECTED", eicar.Bytes(), "Done", ""},
			{"unscannable after clean", "CLEAN", encryptedZip(t), "Done", "UNSCANNABLE"},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				later := time.Now().Add(2 * time.Minute).UTC().Format(time.RFC3339) // not before the test runs
				o := m.Put(t, test.name, test.content, held)
				written := "own=1&scan-status=" + test.there + "&scan-time=" + later
				if err := m.as(role("Tag")).retag(t.Context(), o, &o.VersionID, written); err != nil {
					t.Fatalf("write the later verdict: %v", err)
				}
				before := m.Tags(t, o)
				m.SendEvent(t, o)
				r := m.Await(t, o)
				if r.Status != "SUCCEEDED" || r.States[len(r.States)-1] != test.ends {
					t.Errorf("got %s, states %v, %+v, want SUCCEEDED in %s", r.Status, r.States, r.Failure, test.ends)
				}
				if test.ends == "Superseded" &&
					(slices.Contains(r.States, "Promote") || slices.Contains(r.States, "Notify")) {
					t.Errorf("got states %v, want no Promote and no Notify", r.States)
				}
				if moved := r.Job.Copy != nil; moved != (test.status == "") {
					t.Fatalf("got copy %+v, want one: %v", r.Job.Copy, test.status == "")
				}
				if test.status == "" {
					return
				}
				if _, err := m.Read(t.Context(), o); awsclient.Status(err) != http.StatusForbidden {
					t.Errorf("read it: got %d, want 403", awsclient.Status(err))
				}
				tags := m.Tags(t, o)
				if tags["scan-status"] != test.status {
					t.Errorf("got tags %v, want scan-status=%s", tags, test.status)
				}
				if diff := cmp.Diff(before, tags); test.ends == "Superseded" && diff != "" {
					t.Errorf("tags (-before +after):\n%s", diff)
				}
			})
		}
	})
}

// TestRescanClears checks that a later scan replaces a false positive, and that the object can be read then.
func TestRescanClears(t *testing.T) {
	eachLayoutAndLane(t, testRescanClears)
}

func testRescanClears(t *testing.T, m *machine, _ string) {
	o := m.Put(t, "false positive", sample.Text("harmless after all"), m.SilentBucket(t, "rescan-clears"))
	if err := m.as(role("Tag")).retag(
		t.Context(),
		o,
		&o.VersionID,
		"own=1&scan-status=INFECTED&scan-time=2026-01-01T00:00:00Z&scan-detail=Wrong",
	); err != nil {
		t.Fatal(err)
	}
	m.Send(t, harness.RescanQueue, map[string]any{"run": "again", "objects": []job.Object{o}})
	r := m.AwaitJob(t, job.Job{Object: o, Run: "again"})
	if outcome(r).Verdict != job.Clean || r.Status != "SUCCEEDED" {
		t.Fatalf("got %+v, want CLEAN", r)
	}
	if tags := m.Tags(t, o); tags["scan-status"] != "CLEAN" || tags["own"] != "1" || tags["scan-detail"] != "" {
		t.Errorf("got tags %v, want scan-status=CLEAN and own=1 without scan-detail", tags)
	}
	if _, err := m.Read(t.Context(), o); err != nil {
		t.Errorf("read it: got %v, want its content", err)
	}
}
