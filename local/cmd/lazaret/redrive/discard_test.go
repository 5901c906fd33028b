package redrive

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestDiscard deletes what was chosen, after it was kept, and nothing else.
func TestDiscard(t *testing.T) {
	t.Parallel()
	errFull := errors.New("disk full")
	chosen := func(l Letter) bool { return l.Body == "same" || l.Body == "3" }
	tests := []struct {
		name   string
		set    func(*fakeQueues)
		keep   func([]Letter) error
		want   Result
		left   []string // bodies of visible dead letters, sorted
		hidden int
		fails  error
	}{
		{
			name: "two messages with one body, and one other",
			want: Result{Seen: 7, Chosen: 3, Discarded: 3}, left: []string{"0", "1", "2", "4"},
		},
		{
			name: "nothing is deleted that was not kept", keep: func([]Letter) error { return errFull },
			want: Result{Seen: 7, Chosen: 3}, left: []string{"0", "1", "2", "3", "4", "same", "same"}, fails: errFull,
		},
		{
			name: "one cannot be deleted",
			set:  func(f *fakeQueues) { f.onDelete = func(l *letter) bool { return l.body == "3" } },
			want: Result{Seen: 7, Chosen: 3, Discarded: 2, NotDeleted: 1}, left: []string{"0", "1", "2", "4"}, hidden: 1,
		},
		{
			name: "SQS does not answer", set: func(f *fakeQueues) { f.failAt = 3 },
			want: Result{Seen: 7, Chosen: 3, NotDeleted: 3, StillHidden: 4}, hidden: 7, fails: errKilled,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(5)
			f.add("same", time.Now().Add(-time.Hour))
			f.add("same", time.Now().Add(-time.Hour))
			if tt.set != nil {
				tt.set(f)
			}
			var kept []string
			if tt.keep == nil {
				tt.keep = func(letters []Letter) error {
					for _, l := range letters {
						kept = append(kept, l.Body)
					}
					return nil
				}
			}
			got, err := newRedriver(f).Discard(t.Context(), chosen, tt.keep)
			if !errors.Is(err, tt.fails) {
				t.Fatalf("Discard() = %v, want %v", err, tt.fails)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if slices.Sort(kept); tt.fails == nil && !slices.Equal(kept, []string{"3", "same", "same"}) {
				t.Errorf("kept %q, want the three that were chosen", kept)
			}
			if diff := cmp.Diff(tt.left, f.visible(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("visible (-want +got):\n%s", diff)
			}
			if hidden := len(f.bodies(func(l *letter) bool { return l.hidden })); hidden != tt.hidden {
				t.Errorf("%d letters are hidden, want %d", hidden, tt.hidden)
			}
			if len(f.rescans) > 0 {
				t.Errorf("sent back: %q, want none", f.rescans)
			}
		})
	}
}

// TestRetention holds the constant to the template.
func TestRetention(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)\n  DeadLetterQueue:\n.*?MessageRetentionPeriod: (\d+)`).FindSubmatch(text)
	if m == nil {
		t.Fatal("template.yaml has no MessageRetentionPeriod for DeadLetterQueue")
	}
	if seconds, err := strconv.Atoi(string(m[1])); err != nil || time.Duration(seconds)*time.Second != Retention {
		t.Errorf("the queue keeps letters for %s s, and Retention is %s", m[1], Retention)
	}
}

// TestContains matches a letter that nobody understands by its body, which Matches never does.
func TestContains(t *testing.T) {
	t.Parallel()
	l := Letter{Error: NotUnderstood, Body: "no upload", Sent: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	if !l.Contains("no up") || l.Contains("other") || l.Matches("no up") {
		t.Errorf("Contains, Contains of another text, Matches = %t, %t, %t, want true, false, false",
			l.Contains("no up"), l.Contains("other"), l.Matches("no up"))
	}
	if want := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC); !l.Expires().Equal(want) || !(Letter{}).Expires().IsZero() {
		t.Errorf("Expires() = %v, want %v, and the zero time for a letter without one", l.Expires(), want)
	}
}
