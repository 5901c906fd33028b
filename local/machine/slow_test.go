package machine

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// An execution that is slower than one that scanned later does not undo that
// one's worse verdict: the object stays shut, and where it is. The later verdict
// is written by the one principal that may, before the slow one's Tag.
func TestSlowExecution(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *Machine, layout string) {
		held := m.Hold(t, "slow-"+layout)
		for _, test := range []struct {
			name, there string
			content     []byte
			ends        string // the last state
			status      string // on the object afterwards, where it is still there
		}{
			{"clean after infected", "INFECTED", sample.Text("slow"), "Superseded", "INFECTED"},
			{"clean after unscannable", "UNSCANNABLE", sample.Text("slow"), "Superseded", "UNSCANNABLE"},
			{"unscannable after infected", "INFECTED", unscannable(t), "Superseded", "INFECTED"},
			{"infected after clean", "CLEAN", eicar.Bytes(), "Done", ""},
			{"infected after infected", "INFECTED", eicar.Bytes(), "Done", ""},
			{"unscannable after clean", "CLEAN", unscannable(t), "Done", "UNSCANNABLE"},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				later := time.Now().Add(2 * time.Minute).UTC().Format(time.RFC3339) // not before the test runs
				o := m.Put(t, test.name, test.content, held)
				written := "own=1&scan-status=" + test.there + "&scan-time=" + later
				if err := m.As(role("Tag")).retag(t.Context(), o, &o.VersionID, written); err != nil {
					t.Fatalf("write the later verdict: %v", err)
				}
				before := m.Tags(t, o)
				m.Announce(t, o)
				r := m.Await(t, o)
				if r.Status != "SUCCEEDED" || r.States[len(r.States)-1] != test.ends {
					t.Errorf("%s, states %v, %+v", r.Status, r.States, r.Dead)
				}
				if test.ends == "Superseded" && (slices.Contains(r.States, "Promote") || slices.Contains(r.States, "Notify")) {
					t.Errorf("superseded, and yet the states are %v", r.States)
				}
				if moved := r.Job.Copy != nil; moved != (test.status == "") {
					t.Fatalf("copy %+v", r.Job.Copy)
				}
				if test.status == "" {
					return
				}
				if _, err := m.Read(t.Context(), o); Status(err) != http.StatusForbidden {
					t.Errorf("read it: %d", Status(err))
				}
				tags := m.Tags(t, o)
				if tags["scan-status"] != test.status {
					t.Errorf("tags %v", tags)
				}
				if diff := cmp.Diff(before, tags); test.ends == "Superseded" && diff != "" {
					t.Errorf("tags changed (-before +after):\n%s", diff)
				}
			})
		}
	})
}

// A later scan clears a false positive, and a verdict of its own opens the gate.
func TestRescanClears(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	o := m.Put(t, "false positive", sample.Text("harmless after all"), m.Hold(t, "rescan-clears"))
	if err := m.As(role("Tag")).retag(t.Context(), o, &o.VersionID, "own=1&scan-status=INFECTED&scan-time=2026-01-01T00:00:00Z&scan-detail=Wrong"); err != nil {
		t.Fatal(err)
	}
	m.Send(t, UploadQueue, map[string]any{"run": "again", "objects": []job.Object{o}})
	if r := m.AwaitJob(t, job.Job{Object: o, Run: "again"}); outcome(r).Verdict != job.Clean || r.Status != "SUCCEEDED" {
		t.Fatalf("%+v", r)
	}
	if tags := m.Tags(t, o); tags["scan-status"] != "CLEAN" || tags["own"] != "1" || tags["scan-detail"] != "" {
		t.Errorf("tags %v", tags)
	}
	if _, err := m.Read(t.Context(), o); err != nil {
		t.Errorf("read it: %v", err)
	}
}
