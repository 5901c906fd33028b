package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
)

// TestLanesCountTheirOwnCrashes has an EXPRESS and a STANDARD execution scan the same object. An engine
// that ends during one scan leaves a mark that does not count for the other, and each scan removes its
// own work file and marks alone.
func TestLanesCountTheirOwnCrashes(t *testing.T) {
	t.Parallel()
	b := newBench(t, "some content", fails(clamav.ErrEngineDied))
	standard := b.job
	express := b.expressJob(t)
	for range 2 { // as many crashes as make a file UNSCANNABLE
		if _, err := b.handle(t.Context(), express); !errors.Is(err, job.ErrEngine) {
			t.Fatalf("EXPRESS: err = %v, want ErrEngine", err)
		}
	}
	b.engine = finds(clamav.Finding{Outcome: clamav.Clean})
	out, err := b.handle(t.Context(), standard)
	if err != nil || out.Scan.Verdict != job.Clean {
		t.Errorf("STANDARD after two crashes in the other lane: %s, %v, want CLEAN", out.Scan.Outcome(), err)
	}
	name := express.Work.File
	if diff := cmp.Diff([]string{name, name + ".scan1", name + ".scan2"}, b.left(t)); diff != "" {
		t.Errorf("files after the STANDARD scan, want those of the EXPRESS one (-want +got):\n%s", diff)
	}
	out, err = b.handle(t.Context(), express)
	if err != nil || out.Scan.Reason != job.EngineCrash {
		t.Errorf("EXPRESS after its two crashes: %s, %v, want UNSCANNABLE engine-crash", out.Scan.Outcome(), err)
	}
	if left := b.left(t); len(left) != 0 {
		t.Errorf("files left: %v, want none", left)
	}
}

// TestLanesAtTheSameTime has the scan of one lane end while the other lane's engine reads the file.
func TestLanesAtTheSameTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, "some content", fakeEngine{})
	express := b.expressJob(t)
	clean := finds(clamav.Finding{Outcome: clamav.Clean})
	b.engine = fakeEngine{scan: func(f *os.File) (clamav.Finding, error) {
		second := b.handler // another environment
		second.engine = clean
		out, err := second.handle(t.Context(), b.job)
		if err != nil || out.Scan.Verdict != job.Clean {
			t.Errorf("STANDARD beside EXPRESS: %s, %v, want CLEAN", out.Scan.Outcome(), err)
		}
		return clean.scan(f)
	}}
	out, err := b.handle(t.Context(), express)
	if err != nil || out.Scan.Verdict != job.Clean {
		t.Errorf("EXPRESS beside STANDARD: %s, %v, want CLEAN", out.Scan.Outcome(), err)
	}
	if left := b.left(t); len(left) != 0 {
		t.Errorf("files left: %v, want none", left)
	}
}

// expressJob returns the job of an EXPRESS execution of the bench's object, whose work file it writes.
func (b *bench) expressJob(t *testing.T) job.Job {
	t.Helper()
	express := b.job
	express.Lane = job.NewLane()
	work := *b.job.Work
	work.File = express.WorkName()
	express.Work = &work
	content, err := os.ReadFile(filepath.Join(b.path, b.job.Work.File))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.path, work.File), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return express
}
