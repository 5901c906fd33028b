package workdir_test

import (
	"errors"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
)

// scan is one scan of a work file.
type scan struct {
	*workdir.Mark
	f *os.File
}

func begin(t *testing.T, d *workdir.Dir, name string) scan {
	t.Helper()
	f, err := d.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m, err := d.Mark(name, f)
	if err != nil {
		t.Fatal(err)
	}
	return scan{m, f}
}

// die ends a scan as the end of its process does: without Release.
func (s scan) die() { s.f.Close() }

func publish(t *testing.T, d *workdir.Dir, name string) {
	t.Helper()
	f, err := d.Create(name)
	if err == nil {
		err = d.Publish(name, f)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnfinishedScans(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	publish(t, d, "a")
	publish(t, d, "b")
	for want := range 3 {
		s := begin(t, d, "a")
		if s.Unfinished != want {
			t.Errorf("Unfinished = %d, want %d", s.Unfinished, want)
		}
		s.die()
	}
	if s := begin(t, d, "b"); s.Unfinished != 0 {
		t.Errorf("Unfinished = %d of another file, want 0", s.Unfinished)
	}
}

func TestFinishedScans(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	publish(t, d, "a")
	begin(t, d, "a").die()
	for range 3 {
		s := begin(t, d, "a")
		if s.Unfinished != 1 {
			t.Errorf("Unfinished = %d after one death, want 1", s.Unfinished)
		}
		if err := s.Release(); err != nil {
			t.Fatal(err)
		}
	}
	s := begin(t, d, "a")
	if err := s.Keep(); err != nil {
		t.Fatal(err)
	}
	// The file is still open, as it may be in an engine that is ending.
	if s := begin(t, d, "a"); s.Unfinished != 2 {
		t.Errorf("Unfinished = %d after two deaths, want 2", s.Unfinished)
	}
	if err := d.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("files left: %v, want none", left)
	}
}

// TestRemoveScanned checks that a scanned file leaves no name, however many scans of it ended early.
func TestRemoveScanned(t *testing.T) {
	t.Parallel()
	for deaths := range 3 {
		d, path := open(t)
		publish(t, d, "a")
		for range deaths {
			begin(t, d, "a").die()
		}
		s := begin(t, d, "a")
		if deaths < 2 { // else there was no name left for its mark
			if err := s.Release(); err != nil {
				t.Fatal(err)
			}
		}
		if got := workdir.Marks(s.f); got != deaths {
			t.Errorf("%d marks after %d deaths, want as many", got, deaths)
		}
		if err := d.RemoveScanned("a", workdir.Marks(s.f)); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(path); len(left) != 0 {
			t.Errorf("files left after %d deaths: %v, want none", deaths, left)
		}
		if err := d.RemoveScanned("a", deaths); err != nil {
			t.Errorf("removal of a file that is gone: error %v, want none", err)
		}
	}
}

// TestRunningScans checks that running scans do not count as unfinished: if an answer is lost, the
// state machine tries again while the first scan runs.
func TestRunningScans(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	publish(t, d, "a")
	var running []scan
	for range 4 {
		s := begin(t, d, "a")
		if s.Unfinished > 1 {
			t.Errorf("Unfinished = %d with %d running scans, want at most 1", s.Unfinished, len(running))
		}
		running = append(running, s)
	}
	for _, s := range running {
		if err := s.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if s := begin(t, d, "a"); s.Unfinished != 0 {
		t.Errorf("Unfinished = %d after all have ended, want 0", s.Unfinished)
	}
}

func TestUnfinishedAndRunningScan(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	publish(t, d, "a")
	first := begin(t, d, "a")
	begin(t, d, "a").die()
	if s := begin(t, d, "a"); s.Unfinished != 1 {
		t.Errorf("Unfinished = %d, want 1", s.Unfinished)
	} else {
		s.die()
	}
	first.die()
	if s := begin(t, d, "a"); s.Unfinished != 2 {
		t.Errorf("Unfinished = %d after both died, want 2", s.Unfinished)
	}
}

func TestMarkErrors(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	publish(t, d, "a")
	f, err := d.Read("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := d.Mark("../a", f); !errors.Is(err, job.ErrBadJob) {
		t.Errorf("Mark of an outside file = %v, want ErrBadJob", err)
	}
	if err := d.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Mark("a", f); !errors.Is(err, job.ErrWorkFileGone) {
		t.Errorf("Mark of a missing file = %v, want ErrWorkFileGone", err)
	}
}
