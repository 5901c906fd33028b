package definitions

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// TestPublishWithNewSignatures checks that a generation gets the list of its new signatures, that the
// list does not count for its fingerprint, and that a generation which is there keeps its own.
func TestPublishWithNewSignatures(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	dir := set(t, "one")
	without, err := Inspect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	first := signatures.List{Batch: signatures.Batch{FirstSeen: time.Unix(1, 0).UTC(), Names: []string{"A"}}}
	if err := first.Write(dir); err != nil {
		t.Fatal(err)
	}
	g := publish(t, s, dir)
	if g.Fingerprint != without.Fingerprint {
		t.Errorf("fingerprint %s, without the list %s, want the same", g.Fingerprint, without.Fingerprint)
	}
	later := signatures.List{Batch: signatures.Batch{FirstSeen: time.Unix(2, 0).UTC(), Names: []string{"B"}}}
	if err := later.Write(dir); err != nil {
		t.Fatal(err)
	}
	publish(t, s, dir)
	got, err := signatures.Read(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("list of the generation (-want +got):\n%s", diff)
	}
	other := publish(t, s, set(t, "two"))
	if _, err := signatures.Read(other.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("list of a generation without one: %v, want fs.ErrNotExist", err)
	}
}
