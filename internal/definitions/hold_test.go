package definitions

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func hold(t *testing.T, s *Store, dir string) Held {
	t.Helper()
	h, err := s.Hold(t.Context(), dir, []Detection{{Signature: "Word", File: "/usr/bin/word"}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantCurrent(t *testing.T, s *Store, want Generation) {
	t.Helper()
	if g, err := s.Current(); err != nil || g != want {
		t.Errorf("current is %+v, %v, want %+v", g, err, want)
	}
}

func wantNoneHeld(t *testing.T, s *Store) {
	t.Helper()
	if h, err := s.Held(); !errors.Is(err, ErrNone) {
		t.Errorf("held back is %+v, %v, want none", h, err)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	wantNoneHeld(t, s)
	one := publish(t, s, set(t, "one"))
	h := hold(t, s, set(t, "two"))
	wantCurrent(t, s, one)
	got, err := s.Held()
	if err != nil || got.Generation != h.Generation || !slices.Equal(got.Detections, h.Detections) ||
		time.Since(got.Since) > time.Minute {
		t.Errorf("held back is %+v, %v, want %+v", got, err, h)
	}
	if err := s.prune(time.Now().Add(2 * minAge)); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(); err != nil || len(all) != 2 {
		t.Errorf("after Prune there are %+v, %v, want both", all, err)
	}
	later := hold(t, s, set(t, "three"))
	if !later.Since.Equal(h.Since) {
		t.Errorf("the second in a row is held back since %s, want %s, as the first", later.Since, h.Since)
	}
	for _, wrong := range []string{"", "x", h.Generation.Fingerprint} {
		if _, err := s.PublishHeld(wrong); err == nil || !strings.Contains(err.Error(), later.Generation.Fingerprint) {
			t.Errorf("PublishHeld(%q) = %v, want an error that names what is held back", wrong, err)
		}
	}
	wantCurrent(t, s, one)
	if _, err := s.PublishHeld(later.Generation.Fingerprint[:8]); err != nil {
		t.Fatal(err)
	}
	wantCurrent(t, s, later.Generation)
	wantNoneHeld(t, s)
	if previous, err := s.Previous(); err != nil || previous != one {
		t.Errorf("previous is %+v, %v, want %+v", previous, err, one)
	}
	if _, err := s.PublishHeld(later.Generation.Fingerprint); err == nil {
		t.Error("PublishHeld() again: got no error, want one")
	}
}

func TestPublishEndsTheHold(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	hold(t, s, set(t, "one")) // before the first generation
	if _, err := s.Current(); !errors.Is(err, ErrNone) {
		t.Errorf("Current() = %v, want ErrNone", err)
	}
	two := publish(t, s, set(t, "two"))
	wantCurrent(t, s, two)
	wantNoneHeld(t, s)
}

// TestDamagedHeldFile checks that a damaged file does not stop updates.
func TestDamagedHeldFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(root string, h Held) error
	}{
		{
			name:   "its generation is gone",
			damage: func(_ string, h Held) error { return os.RemoveAll(h.Generation.Dir) },
		},
		{name: "its record is no JSON", damage: func(root string, _ Held) error {
			return os.WriteFile(filepath.Join(root, heldFile), []byte("x"), 0o644)
		}},
		{name: "its record is empty", damage: func(root string, _ Held) error {
			return os.WriteFile(filepath.Join(root, heldFile), []byte("{}"), 0o644)
		}},
		{
			name:   "it is current",
			damage: func(root string, h Held) error { return Open(root).switchCurrent(h.Generation.Fingerprint) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			s := Open(root)
			publish(t, s, set(t, "one"))
			h := hold(t, s, set(t, "two"))
			path := filepath.Join(root, heldFile)
			if err := errors.Join(os.Chmod(path, 0o644), tt.damage(root, h)); err != nil {
				t.Fatal(err)
			}
			wantNoneHeld(t, s)
			if err := s.Prune(); err != nil {
				t.Errorf("Prune() = %v, want no error", err)
			}
			if again := hold(t, s, set(t, "three")); again.Generation.Fingerprint == h.Generation.Fingerprint {
				t.Errorf("held back is still %+v, want another generation", again)
			}
		})
	}
}
