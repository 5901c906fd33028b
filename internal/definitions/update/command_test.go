package update

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/trial"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if l, err := b.Do(t.Context(), Request{Definitions: List}); err != nil || l.Current != "" || len(l.Generations) > 0 {
		t.Errorf("an empty store is listed as %+v, %v, want an empty listing", l, err)
	}
	if _, err := b.Do(t.Context(), Request{Definitions: Rollback}); err == nil ||
		!strings.Contains(err.Error(), "no generation before the current one") {
		t.Errorf("rollback of nothing = %v, want that there is no generation before the current one", err)
	}
	b.offer(1)
	b.run()
	one := b.current(1)
	b.offer(2)
	b.run()
	two := b.current(2)

	l, err := b.Do(t.Context(), Request{Definitions: Rollback})
	if err != nil || l.Current != one.Fingerprint || l.Pinned != one.Fingerprint || l.Previous != two.Fingerprint ||
		len(l.Generations) != 2 {
		t.Errorf("after rollback: %+v, %v, want the first of two generations, pinned", l, err)
	}
	b.offer(3)
	b.run()
	b.current(1) // the next update does not undo it
	if _, err := b.Do(t.Context(), Request{Definitions: Pin, Generation: "../../etc"}); !errors.Is(err, definitions.ErrUnknown) {
		t.Errorf("pin of a path = %v, want ErrUnknown", err)
	}
	l, err = b.Do(t.Context(), Request{Definitions: Pin, Generation: two.Fingerprint})
	if err != nil || l.Current != two.Fingerprint {
		t.Errorf("after pin: %+v, %v, want the second generation", l, err)
	}
	l, err = b.Do(t.Context(), Request{Definitions: Unpin})
	if err != nil || l.Pinned != "" || l.Status.Outcome != Pinned {
		t.Errorf("after unpin: %+v, %v, want no pin", l, err)
	}
	b.run()
	b.current(3)
	if _, err := b.Do(t.Context(), Request{Definitions: "delete"}); err == nil {
		t.Error("an unknown request: got no error, want one")
	}
}

func TestRequestsWaitForUpdates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	unlock, err := lock(b.Root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Request{Definitions: Unpin}); !errors.Is(err, errBusy) {
		t.Errorf("Do() = %v during an update, want errBusy", err)
	}
	if l, err := b.Do(t.Context(), Request{Definitions: List}); err != nil || len(l.Generations) != 1 {
		t.Errorf("list during an update = %+v, %v, want one generation", l, err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

type fakeTrials struct {
	confirm func(signature string) error
	list    func() ([]trial.Trial, error)
}

func (f fakeTrials) Confirm(_ context.Context, signature string) error { return f.confirm(signature) }
func (f fakeTrials) List(context.Context) ([]trial.Trial, error)       { return f.list() }

// TestTrials checks that an operator sees the trials of new signatures and ends them, while an update
// runs too, and that a records bucket which does not answer hides nothing else.
func TestTrials(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offer(1)
	b.run()
	on := []trial.Trial{{Signature: "Bad", Since: time.Now()}}
	b.Trials = fakeTrials{
		confirm: func(signature string) error {
			if signature != "Bad" {
				return trial.ErrNoTrial
			}
			on[0].Confirmed = true
			return nil
		},
		list: func() ([]trial.Trial, error) { return on, nil },
	}
	unlock, err := lock(b.Root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), Request{Definitions: Confirm, Signature: "Other"}); !errors.Is(err, trial.ErrNoTrial) {
		t.Errorf("Confirm of another signature: %v, want trial.ErrNoTrial", err)
	}
	l, err := b.Do(t.Context(), Request{Definitions: Confirm, Signature: "Bad"})
	if err != nil || len(l.Trials) != 1 || !l.Trials[0].Confirmed {
		t.Errorf("Confirm: %+v, %v, want the trial confirmed", l.Trials, err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	b.Trials = fakeTrials{list: func() ([]trial.Trial, error) { return nil, errors.New("slow down") }}
	l, err = b.Do(t.Context(), Request{Definitions: List})
	if err != nil || l.Current == "" || len(l.Status.Warnings) != 1 || !strings.Contains(l.Status.Warnings[0], "slow down") {
		t.Errorf("list while S3 fails: %+v, %v, want the generations and a warning", l, err)
	}
}
