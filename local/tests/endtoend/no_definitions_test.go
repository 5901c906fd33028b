package endtoend

import (
	"path/filepath"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// TestNoDefinitions checks that no object gets a verdict without definitions: the state machine waits and gives up.
// The dead letters get their verdicts when definitions exist.
func TestNoDefinitions(t *testing.T) {
	t.Parallel()
	m := start(t, "--definitions", "none", "--time-scale", "5000")
	infected, harmless := m.Put(t, "infected", eicar.Bytes()), m.Put(t, "clean", sample.Text("early"))
	// No engine looks at an empty file, so none needs to be there.
	empty := m.Put(t, "empty", nil)
	for _, o := range []job.Object{infected, harmless} {
		r := m.Await(t, o)
		if r.Failure.Error != job.Name(job.ErrDefinitionsNotReady) || r.Job.Scan != nil ||
			occurrences(m.retried(t, r), "Scan") != 10 {
			t.Errorf(
				"%s: got %+v after retries of %v, want DefinitionsNotReady after ten of Scan",
				o,
				r.Failure,
				m.retried(t, r),
			)
		}
	}
	m.Await(t, empty)
	m.checkEnds(t, map[job.Object]end{infected: endDeadLetter, harmless: endDeadLetter, empty: endClean})
	m.RemoveWorkFiles(t)

	source := filepath.Join(t.TempDir(), "definitions")
	if err := definitions.WriteTest(source); err != nil {
		t.Fatal(err)
	}
	if _, err := definitions.Open(filepath.Join(m.Data, "volume", "lazaret", "definitions")).Publish(
		t.Context(),
		source,
	); err != nil {
		t.Fatal(err)
	}
	m.redriveAll(t)
	for _, o := range []job.Object{infected, harmless} {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); r.Status != "SUCCEEDED" {
			t.Errorf("%s: second attempt: got %s, %+v, want SUCCEEDED", o, r.Status, r.Failure)
		}
	}
	m.checkEnds(t, map[job.Object]end{infected: endQuarantined, harmless: endClean, empty: endClean})
}
