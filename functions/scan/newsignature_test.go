package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// TestFirstSeen checks that the job says since when a new signature is known, and nothing of others.
func TestFirstSeen(t *testing.T) {
	t.Parallel()
	hour := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for _, tt := range []struct {
		name    string
		batch   *signatures.Batch // nil for no list
		finding clamav.Finding
		want    time.Time
	}{
		{
			name: "new", batch: &signatures.Batch{FirstSeen: hour, Names: []string{"New"}},
			finding: clamav.Finding{Outcome: clamav.Found, Signature: "New"}, want: hour,
		},
		{
			name: "known", batch: &signatures.Batch{FirstSeen: hour, Names: []string{"New"}},
			finding: clamav.Finding{Outcome: clamav.Found, Signature: "Known"},
		},
		{
			name: "new yesterday", batch: &signatures.Batch{FirstSeen: hour.Add(-signatures.NewFor), Names: []string{"New"}},
			finding: clamav.Finding{Outcome: clamav.Found, Signature: "New"},
		},
		{name: "no list", finding: clamav.Finding{Outcome: clamav.Found, Signature: "New"}},
		{
			name: "not infected", batch: &signatures.Batch{FirstSeen: hour, Names: []string{""}},
			finding: clamav.Finding{Outcome: clamav.Clean},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := generation
			g.Dir = t.TempDir()
			if tt.batch != nil {
				if err := (signatures.List{Batch: *tt.batch}).Write(g.Dir); err != nil {
					t.Fatal(err)
				}
			}
			b := newBench(t, "some content", finds(tt.finding))
			b.definitions = fakeGenerations(func() (definitions.Generation, error) { return g, nil })
			out, err := b.handle(t.Context(), b.job)
			if err != nil {
				t.Fatal(err)
			}
			if !out.Scan.FirstSeen.Equal(tt.want) {
				t.Errorf("signature first seen %s, want %s", out.Scan.FirstSeen, tt.want)
			}
		})
	}
}

// TestDamagedList checks that a list which cannot be read is logged, and no error. It changes the log, so
// that it does not run in parallel.
func TestDamagedList(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, signatures.FileName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := firstSeen(t.Context(), definitions.Generation{Dir: dir}, "New", time.Now()); !got.IsZero() {
		t.Errorf("first seen %s, want none", got)
	}
	if !strings.Contains(log.String(), "list of new signatures") {
		t.Errorf("the log has %q, want the cause", log.String())
	}
}
