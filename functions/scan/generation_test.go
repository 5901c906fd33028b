package main

import (
	"errors"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
)

type fakeStore struct {
	current  func() (definitions.Generation, error)
	switched func() (time.Time, bool, error)
}

func (f fakeStore) Current() (definitions.Generation, error) { return f.current() }
func (f fakeStore) Switched() (time.Time, bool, error)       { return f.switched() }

// environment is a chooser with a store and a clock that the test changes.
type environment struct {
	*chooser
	t       *testing.T
	current definitions.Generation
	at      time.Time
	pinned  bool
	clock   time.Time
}

func newFleet(t *testing.T) *environment {
	f := &environment{t: t, clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	f.chooser = &chooser{
		delay: time.Minute, now: func() time.Time { return f.clock },
		store: fakeStore{
			current:  func() (definitions.Generation, error) { return f.current, nil },
			switched: func() (time.Time, bool, error) { return f.at, f.pinned, nil },
		},
	}
	return f
}

// publish makes a generation of that name current, at the time of the clock.
func (f *environment) publish(name string) {
	f.current = definitions.Generation{Fingerprint: name, Dir: f.t.TempDir(), Built: f.clock.Add(-time.Hour)}
	f.at = f.clock
}

// expect checks that the generation of that name is in use.
func (f *environment) expect(name string) {
	f.t.Helper()
	if g, err := f.Current(); err != nil || g.Fingerprint != name {
		f.t.Errorf("Current() = %q, %v, want %q", g.Fingerprint, err, name)
	}
}

func TestSwitchAfterDelay(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.publish("one")
	f.expect("one") // a new environment does not wait
	f.publish("two")
	f.expect("one")
	f.clock = f.clock.Add(59 * time.Second)
	f.expect("one")
	f.clock = f.clock.Add(2 * time.Second)
	f.expect("two")
	f.clock = f.at // a clock that is set back does not undo a switch
	f.expect("two")
}

func TestSwitchToPinAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.publish("two")
	f.expect("two")
	f.publish("one")
	f.pinned = true
	f.expect("one")
}

func TestSwitchIfGenerationWasRemoved(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.publish("one")
	f.current.Dir += "/pruned"
	f.expect("one")
	f.publish("two")
	f.expect("two")
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.maxAge = 24 * time.Hour
	f.publish("one")
	f.expect("one")
	f.clock = f.clock.Add(23*time.Hour + time.Minute)
	if g, err := f.Current(); !errors.Is(err, job.ErrDefinitionsNotReady) {
		t.Errorf("Current() = %+v, %v, want ErrDefinitionsNotReady", g, err)
	}
	f.publish("two")
	f.expect("two") // an expired generation is replaced at once
	f.current.Built = time.Time{}
	f.current.Fingerprint = "without a daily set"
	f.clock = f.clock.Add(1000 * time.Hour)
	f.expect("without a daily set")
}

func TestMaxAgeGivesNoVerdict(t *testing.T) {
	t.Parallel()
	b := newBench(t, "some content", finds(clamav.Finding{Outcome: clamav.Clean}))
	f := newFleet(t)
	f.maxAge = time.Minute
	f.publish("one")
	b.definitions = f
	if out, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrDefinitionsNotReady) {
		t.Errorf("handle() = %s, %v, want ErrDefinitionsNotReady", out.Scan.Outcome(), err)
	}
}

// TestNewChooser changes the environment, so it runs alone.
func TestNewChooser(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 0, "0h": 0, "168h": 168 * time.Hour} {
		t.Setenv("MAX_DEFINITIONS_AGE", value)
		f, err := newChooser(definitions.Open(t.TempDir()))
		if err != nil || f.maxAge != want || f.delay < 0 || f.delay >= definitions.SwitchPeriod {
			t.Errorf("newChooser() with %q = %+v, %v, want maxAge %s and a delay below %s", value, f, err, want, definitions.SwitchPeriod)
		}
	}
	for _, value := range []string{"a week", "-1h"} {
		t.Setenv("MAX_DEFINITIONS_AGE", value)
		if f, err := newChooser(definitions.Open(t.TempDir())); err == nil {
			t.Errorf("newChooser() with %q = %+v, want an error", value, f)
		}
	}
}
