package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

// TestLanesShareNoFile checks that executions of one object, two EXPRESS ones and a STANDARD one, write
// a work file each, and that fetch removes no file of an EXPRESS execution: its Scan may still run.
func TestLanesShareNoFile(t *testing.T) {
	t.Parallel()
	h, path := newHandler(t, serve(random(7)))
	standard := upload()
	first, second, replayed := standard, standard, standard
	first.Lane, second.Lane = job.NewLane(), job.NewLane()
	replayed.Attempt = 1
	written := map[string]bool{}
	for _, j := range []job.Job{first, standard, second} {
		out, err := h.handle(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		written[out.Work.File] = true
	}
	if got := files(t, path); len(written) != 3 || !cmp.Equal(written, got) {
		t.Fatalf("work files: %v, want the three that the jobs name: %v", got, written)
	}
	again, err := h.handle(t.Context(), second) // a retry of the same execution
	if err != nil || !cmp.Equal(written, files(t, path)) {
		t.Errorf("retry: work file %v, %v; files %v, want the same", again.Work, err, files(t, path))
	}
	out, err := h.handle(t.Context(), replayed)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{first.WorkName(): true, second.WorkName(): true, out.Work.File: true}
	if diff := cmp.Diff(want, files(t, path)); diff != "" {
		t.Errorf("work files after a replay, which removes that of the STANDARD execution (-want +got):\n%s", diff)
	}
}

// TestRefetchStaysInItsLane checks that the second fetch of an EXPRESS execution uses a name of its lane,
// and removes the first file of that lane alone.
func TestRefetchStaysInItsLane(t *testing.T) {
	t.Parallel()
	h, path := newHandler(t, serve(random(7)))
	express := upload()
	express.Lane = job.NewLane()
	out, err := h.handle(t.Context(), express)
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(path, upload().WorkName())
	if err := os.WriteFile(beside, []byte("of the STANDARD execution"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = h.handle(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if want := express.WorkName() + ".2"; out.Work.File != want {
		t.Errorf("work file %q, want %q", out.Work.File, want)
	}
	want := map[string]bool{upload().WorkName(): true, express.WorkName() + ".2": true}
	if diff := cmp.Diff(want, files(t, path)); diff != "" {
		t.Errorf("work files (-want +got):\n%s", diff)
	}
}

// files returns the names of the files in a folder.
func files(t *testing.T, path string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}
