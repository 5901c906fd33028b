package history_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// TestRead holds that Read returns the same as Get and Events, in both lanes.
func TestRead(t *testing.T) {
	t.Parallel()
	for lane, arn := range map[history.Lane]string{history.Standard: tagsS, history.Express: tagsE} {
		r := newStack(t, lane).reader()
		x, events, err := r.Read(t.Context(), arn, window)
		if err != nil {
			t.Fatal(err)
		}
		wantX, notGot := r.Get(t.Context(), arn, window)
		wantEvents, notRead := r.Events(t.Context(), arn, window)
		if err := errors.Join(notGot, notRead); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantX, x); diff != "" {
			t.Errorf("%s: execution (-want +got):\n%s", lane, diff)
		}
		if diff := cmp.Diff(wantEvents, events); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", lane, diff)
		}
		if row := x.Row(); row.Object.Key != "letters/tags.txt" || row.Detail == "" {
			t.Errorf("%s: got the row %+v, want the object and why there is no verdict", lane, row)
		}
		_, _, err = newStack(t, lane).reader().Read(t.Context(), arn+"0", window)
		if !errors.Is(err, history.ErrNotFound) {
			t.Errorf("%s: got the error %v for an unknown execution, want ErrNotFound", lane, err)
		}
	}
}
