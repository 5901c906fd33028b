package endtoend

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestDataOutlivesTheMachine checks that the next machine on a data folder has the objects, tags, verdicts, queues
// and definitions of the machine before.
func TestDataOutlivesTheMachine(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first := start(t, "--data", data)
	clean := first.Put(t, "clean", sample.Text("clean"), harness.WithTags("own=1"))
	infected := first.Put(t, "infected", eicar.Bytes())
	limit := first.Put(t, "limit", sample.Text("limit"), ownTags(10))
	moved := first.Await(t, infected).Job.Copy
	for _, o := range []job.Object{clean, limit} {
		first.Await(t, o)
	}
	first.NewQueue(t, "own")
	first.Send(t, "own", "still here")
	letters, tags := first.DeadLetters(t), first.Tags(t, clean)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	second := start(t, "--data", data, "--definitions", "none")
	if got, err := second.Read(t.Context(), clean); err != nil || !bytes.Equal(got, sample.Text("clean")) {
		t.Errorf("read the clean object: got %q, %v, want what was uploaded", got, err)
	}
	if diff := cmp.Diff(tags, second.Tags(t, clean)); diff != "" || tags["scan-status"] != "CLEAN" {
		t.Errorf("tags of the clean object (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(letters, second.DeadLetters(t)); diff != "" || len(letters) != 1 {
		t.Errorf("got %d dead letters, want 1 (-before +after):\n%s", len(letters), diff)
	}
	if bodies := second.Bodies(t, "own"); !slices.Equal(bodies, []string{"still here"}) {
		t.Errorf("messages of the user's queue: got %q, want [still here]", bodies)
	}
	if moved == nil || !slices.Contains(second.Versions(t, harness.Quarantine, moved.Key), moved.VersionID) {
		t.Errorf("got the copy %+v, want it in quarantine", moved)
	}
	again := second.Put(t, "infected", eicar.Bytes())
	if r := second.Await(t, again); outcome(r).Verdict != job.Infected || r.Job.Object.VersionID == infected.VersionID {
		t.Errorf("another upload, with the definitions of the first machine: got %+v, want INFECTED", r)
	}
}

// TestOwnDefinitions checks that a user's definitions detect what they describe and nothing else. Definitions without
// EICAR are refused, see TestCannotStart.
func TestOwnDefinitions(t *testing.T) {
	t.Parallel()
	marker := []byte("marker of a test of Lazaret")
	proving := "Lazaret.Test.Marker:0:*:" + hex.EncodeToString(marker) + "\n" +
		"Lazaret.Test.Eicar:0:*:" + hex.EncodeToString(eicar.Bytes()) + "\n"

	m := start(t, "--definitions", filepath.Dir(write(t, "own.ndb", proving)))
	for key, want := range map[string]sample.Outcome{
		"marked":   {Verdict: job.Infected, Signature: "Lazaret.Test.Marker.UNOFFICIAL", Engine: "clamd"},
		"unmarked": {Verdict: job.Clean, Engine: "clamd"},
	} {
		content := sample.Text("not")
		if key == "marked" {
			content = sample.Zip(map[string][]byte{"inside": marker})
		}
		if diff := cmp.Diff(want, outcome(m.Await(t, m.Put(t, key, content)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

// TestTimeScale checks that without definitions Scan is retried as often as the state machine says, and that the job
// is a dead letter then. The time scale makes two hours of waiting a second.
func TestTimeScale(t *testing.T) {
	t.Parallel()
	m := start(t, "--definitions", "none", "--time-scale", "20000")
	r := m.Await(t, m.Put(t, "too early", sample.Text("too early")))
	if r.Status != "FAILED" || r.Failure.Error != "DefinitionsNotReady" {
		t.Errorf("got status %s, %+v, want FAILED with DefinitionsNotReady", r.Status, r.Failure)
	}
	failed := 0
	for _, e := range m.History(t, r.ARN) {
		if e.Kind == history.AttemptFailed && e.Error == job.Name(job.ErrDefinitionsNotReady) {
			failed++
		}
	}
	if failed != 11 {
		t.Errorf("got %d failed attempts at Scan, want 11", failed)
	}
	m.RemoveWorkFiles(t)
}
