package endtoend

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// TestRemovedFolder removes the work folder while environments have it open. Later uploads get their verdicts.
func TestRemovedFolder(t *testing.T) {
	t.Parallel()
	m := start(t)
	folder := filepath.Join(m.Data, "volume", "lazaret", "work")
	m.Await(t, m.Put(t, "before", sample.Text("before"))) // now there are environments
	for name, remove := range map[string]func() error{
		"removed":          func() error { return os.RemoveAll(folder) },
		"removed and made": func() error { return os.RemoveAll(folder) },
		"moved":            func() error { return os.Rename(folder, folder+".old") },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if name == "removed and made" {
			if err := os.Mkdir(folder, 0o770); err != nil {
				t.Fatal(err)
			}
		}
		clean, infected := m.Put(t, name+" clean", sample.Text(name)), m.Put(
			t,
			name+" infected",
			append(sample.Text(name), eicar.Bytes()...),
		)
		if r := m.Await(t, clean); outcome(r).Verdict != job.Clean {
			t.Errorf(
				"%s: %s: got %+v, want CLEAN; states %v, dead letter %+v",
				name,
				clean,
				outcome(r),
				r.States,
				r.Failure,
			)
		}
		if r := m.Await(t, infected); outcome(r).Verdict != job.Infected || r.Job.Copy == nil {
			t.Errorf(
				"%s: %s: got %+v, want INFECTED and moved; states %v, dead letter %+v",
				name,
				infected,
				outcome(r),
				r.States,
				r.Failure,
			)
		}
	}
	if letters := m.DeadLetters(t); len(letters) > 0 {
		t.Errorf("%d dead letters, want 0: %+v", len(letters), letters)
	}
}
