package definitions

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestPin(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	if _, err := s.Pinned(); !errors.Is(err, ErrNone) {
		t.Errorf("Pinned() of nothing = %v, want ErrNone", err)
	}
	if _, _, err := s.Switched(); !errors.Is(err, ErrNone) {
		t.Errorf("Switched() of nothing = %v, want ErrNone", err)
	}
	one := publish(t, s, set(t, "one"))
	two := publish(t, s, set(t, "two"))
	if _, byPin, err := s.Switched(); byPin || err != nil {
		t.Errorf("Switched() = %t, %v without a pin, want false", byPin, err)
	}
	if g, err := s.Pin(one.Fingerprint); err != nil || g != one {
		t.Fatalf("Pin() = %+v, %v, want %+v", g, err, one)
	}
	current, err := s.Current()
	if err != nil || current != one {
		t.Errorf("Current() = %+v, %v, want the pinned one", current, err)
	}
	if g, err := s.Pinned(); err != nil || g != one {
		t.Errorf("Pinned() = %+v, %v, want %+v", g, err, one)
	}
	if at, byPin, err := s.Switched(); !byPin || err != nil || time.Since(at) > time.Minute {
		t.Errorf("Switched() = %s, %t, %v with a pin, want true, and a time in the last minute", at, byPin, err)
	}
	three := publish(t, s, set(t, "three"))
	if err := errors.Join(s.switchCurrent(two.Fingerprint), s.switchCurrent(three.Fingerprint)); err != nil {
		t.Fatal(err)
	}
	if err := s.prune(time.Now().Add(2 * minAge)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(one.Dir); err != nil {
		t.Errorf("the pinned generation was pruned: %v, want it kept", err)
	}
	for range 2 {
		if err := s.Unpin(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Pinned(); !errors.Is(err, ErrNone) {
		t.Errorf("Pinned() = %v after Unpin, want ErrNone", err)
	}
}

func TestPinRefuses(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	g := publish(t, s, set(t, "one"))
	for _, name := range []string{"", ".", "..", "../generations/" + g.Fingerprint, "/etc", "0000"} {
		if _, err := s.Pin(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("Pin(%q) = %v, want ErrUnknown", name, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	if all, err := s.List(); err != nil || len(all) > 0 {
		t.Errorf("List() of nothing = %v, %v, want none", all, err)
	}
	one, two := publish(t, s, set(t, "one")), publish(t, s, set(t, "two"))
	past := time.Now().Add(-time.Hour)
	if err := errors.Join(
		os.Chtimes(one.Dir, past, past), os.Mkdir(s.path(temporaryPrefix+"left"), 0o755),
		os.Mkdir(s.path("unfinished"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if err != nil || len(all) != 2 || all[0] != two || all[1] != one {
		t.Errorf("List() = %+v, %v, want two and one", all, err)
	}
}
