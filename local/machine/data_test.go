package machine

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// A data folder carries objects, tags, verdicts and queues from one run of the
// machine to the next, of another layout too, and the next one works on.
func TestDataOutlivesTheMachine(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first := Start(t, "--data", data)
	clean := first.Put(t, "clean", sample.Text("clean"), Tagged("own=1"))
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

	second := Start(t, "--data", data, "--definitions", "none")
	if got, err := second.Read(t.Context(), clean); err != nil || !bytes.Equal(got, sample.Text("clean")) {
		t.Errorf("clean object: %v, %q", err, got)
	}
	if diff := cmp.Diff(tags, second.Tags(t, clean)); diff != "" || tags["scan-status"] != "CLEAN" {
		t.Errorf("tags (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(letters, second.DeadLetters(t)); diff != "" || len(letters) != 1 {
		t.Errorf("%d dead letters (-before +after):\n%s", len(letters), diff)
	}
	if bodies := second.Bodies(t, "own"); !slices.Equal(bodies, []string{"still here"}) {
		t.Errorf("queue of one's own: %q", bodies)
	}
	if moved == nil || !slices.Contains(second.Versions(t, Quarantine, moved.Key), moved.VersionID) {
		t.Errorf("the infected object is not in quarantine as %+v", moved)
	}
	again := second.Put(t, "infected", eicar.Bytes())
	if r := second.Await(t, again); outcome(r).Verdict != job.Infected || r.Job.Object.VersionID == infected.VersionID {
		t.Errorf("another upload, with the definitions that were there: %+v", r)
	}
}

// Definitions of one's own detect what they know and nothing else. Such as do
// not know EICAR start nothing, see TestCannotStart.
func TestOwnDefinitions(t *testing.T) {
	t.Parallel()
	marker := []byte("marker of a test of Lazaret")
	proving := "Lazaret.Test.Marker:0:*:" + hex.EncodeToString(marker) + "\n" +
		"Lazaret.Test.Eicar:0:*:" + hex.EncodeToString(eicar.Bytes()) + "\n"

	m := Start(t, "--definitions", filepath.Dir(write(t, "own.ndb", proving)))
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

// Without definitions Scan is retried as the state machine says, then the job is
// a dead letter; --time-scale makes two hours of that a second.
func TestTimeScale(t *testing.T) {
	t.Parallel()
	m := Start(t, "--definitions", "none", "--time-scale", "20000")
	r := m.Await(t, m.Put(t, "too early", sample.Text("too early")))
	if r.Status != "FAILED" || r.Dead.Error != "DefinitionsNotReady" {
		t.Errorf("execution %s, %+v", r.Status, r.Dead)
	}
	failed := 0
	for _, e := range m.History(t, r.ARN) {
		if title(e) == "TaskFailed DefinitionsNotReady" {
			failed++
		}
	}
	if failed != 11 {
		t.Errorf("Scan was tried %d times, want once and ten times more", failed)
	}
	discard(t, m)
}
