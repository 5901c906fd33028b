package machine

import (
	"path/filepath"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// Without definitions nothing is judged: the state machine waits, gives up, and
// what it handed over is judged when definitions are there.
func TestNoDefinitions(t *testing.T) {
	t.Parallel()
	m := Start(t, "--definitions", "none", "--time-scale", "5000")
	infected, harmless := m.Put(t, "infected", eicar.Bytes()), m.Put(t, "clean", sample.Text("early"))
	// No engine looks at an empty file, so none needs to be there.
	empty := m.Put(t, "empty", nil)
	for _, o := range []job.Object{infected, harmless} {
		r := m.Await(t, o)
		if r.Dead.Error != job.Name(job.ErrDefinitionsNotReady) || r.Job.Scan != nil || count(m.retried(t, r), "Scan") != 10 {
			t.Errorf("%s: %+v after retries of %v", o, r.Dead, m.retried(t, r))
		}
	}
	m.Await(t, empty)
	m.checkEnds(t, map[job.Object]end{infected: endDead, harmless: endDead, empty: endClean})
	m.clearWorkFiles(t)

	source := filepath.Join(t.TempDir(), "definitions")
	if err := definitions.WriteTest(source); err != nil {
		t.Fatal(err)
	}
	if _, err := definitions.Open(filepath.Join(m.Data, "volume", "lazaret", "definitions")).Publish(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	m.moveBack(t)
	for _, o := range []job.Object{infected, harmless} {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); r.Status != "SUCCEEDED" {
			t.Errorf("%s: attempt 1: %s, %+v", o, r.Status, r.Dead)
		}
	}
	m.checkEnds(t, map[job.Object]end{infected: endQuarantined, harmless: endClean, empty: endClean})
}
