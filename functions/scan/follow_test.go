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

// fleet is an environment whose store and clock a test moves.
type fleet struct {
	*follower
	t       *testing.T
	current definitions.Generation
	at      time.Time
	pinned  bool
	clock   time.Time
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	f.follower = &follower{
		delay: time.Minute, now: func() time.Time { return f.clock },
		store: fakeStore{
			current:  func() (definitions.Generation, error) { return f.current, nil },
			switched: func() (time.Time, bool, error) { return f.at, f.pinned, nil },
		},
	}
	return f
}

// publish makes a generation of that name current now.
func (f *fleet) publish(name string) {
	f.current, f.at = definitions.Generation{Fingerprint: name, Dir: f.t.TempDir(), Built: f.clock.Add(-time.Hour)}, f.clock
}

func (f *fleet) wants(name string) {
	f.t.Helper()
	if g, err := f.Current(); err != nil || g.Fingerprint != name {
		f.t.Errorf("Current() = %q, %v, want %q", g.Fingerprint, err, name)
	}
}

func TestEnvironmentsSwitchInTheirOwnTime(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.publish("one")
	f.wants("one") // a new environment waits for nothing
	f.publish("two")
	f.wants("one")
	f.clock = f.clock.Add(59 * time.Second)
	f.wants("one")
	f.clock = f.clock.Add(2 * time.Second)
	f.wants("two")
	f.clock = f.at // a clock set back does not bring the old one back
	f.wants("two")
}

func TestPinIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.publish("two")
	f.wants("two")
	f.publish("one")
	f.pinned = true
	f.wants("one")
}

func TestGenerationThatIsGoneIsLeft(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.publish("one")
	f.current.Dir += "/pruned"
	f.wants("one")
	f.publish("two")
	f.wants("two")
}

func TestOldDefinitionsAreNotUsed(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.maxAge = 24 * time.Hour
	f.publish("one")
	f.wants("one")
	f.clock = f.clock.Add(23*time.Hour + time.Minute)
	if g, err := f.Current(); !errors.Is(err, job.ErrDefinitionsNotReady) {
		t.Errorf("Current() = %+v, %v, want ErrDefinitionsNotReady", g, err)
	}
	f.publish("two")
	f.wants("two") // there is no reason to wait with an old one
	f.current.Built = time.Time{}
	f.current.Fingerprint = "without a daily set"
	f.clock = f.clock.Add(1000 * time.Hour)
	f.wants("without a daily set")
}

func TestOldDefinitionsGiveNoVerdict(t *testing.T) {
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

// TestFollow changes the environment, so it runs alone.
func TestFollow(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 0, "0h": 0, "168h": 168 * time.Hour} {
		t.Setenv("MAX_DEFINITIONS_AGE", value)
		f, err := follow(definitions.Open(t.TempDir()))
		if err != nil || f.maxAge != want || f.delay < 0 || f.delay >= spread {
			t.Errorf("follow() with %q = %+v, %v", value, f, err)
		}
	}
	for _, value := range []string{"a week", "-1h"} {
		t.Setenv("MAX_DEFINITIONS_AGE", value)
		if f, err := follow(definitions.Open(t.TempDir())); err == nil {
			t.Errorf("follow() with %q = %+v", value, f)
		}
	}
}
