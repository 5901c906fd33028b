package update

import (
	"errors"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if l, err := b.Do(Request{Definitions: List}); err != nil || l.Current != "" || len(l.Generations) > 0 {
		t.Errorf("an empty store is listed as %+v, %v, want an empty listing", l, err)
	}
	if _, err := b.Do(Request{Definitions: Rollback}); err == nil ||
		!strings.Contains(err.Error(), "no generation before the current one") {
		t.Errorf("rollback of nothing = %v, want that there is no generation before the current one", err)
	}
	b.offer(1)
	b.run()
	one := b.current(1)
	b.offer(2)
	b.run()
	two := b.current(2)

	l, err := b.Do(Request{Definitions: Rollback})
	if err != nil || l.Current != one.Fingerprint || l.Pinned != one.Fingerprint || l.Previous != two.Fingerprint ||
		len(l.Generations) != 2 {
		t.Errorf("after rollback: %+v, %v, want the first of two generations, pinned", l, err)
	}
	b.offer(3)
	b.run()
	b.current(1) // the next update does not undo it
	if _, err := b.Do(Request{Definitions: Pin, Generation: "../../etc"}); !errors.Is(err, definitions.ErrUnknown) {
		t.Errorf("pin of a path = %v, want ErrUnknown", err)
	}
	if l, err = b.Do(Request{Definitions: Pin, Generation: two.Fingerprint}); err != nil || l.Current != two.Fingerprint {
		t.Errorf("after pin: %+v, %v, want the second generation", l, err)
	}
	if l, err = b.Do(Request{Definitions: Unpin}); err != nil || l.Pinned != "" || l.Status.Outcome != Pinned {
		t.Errorf("after unpin: %+v, %v, want no pin", l, err)
	}
	b.run()
	b.current(3)
	if _, err := b.Do(Request{Definitions: "delete"}); err == nil {
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
	if _, err := b.Do(Request{Definitions: Unpin}); !errors.Is(err, errBusy) {
		t.Errorf("Do() = %v during an update, want errBusy", err)
	}
	if l, err := b.Do(Request{Definitions: List}); err != nil || len(l.Generations) != 1 {
		t.Errorf("list during an update = %+v, %v, want one generation", l, err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}
