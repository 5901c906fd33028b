package execution

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/trace"
)

func TestBars(t *testing.T) {
	t.Parallel()
	s := newStack(t).ended()
	got := bars(question{arn: arn}, trace.Read(s.events, history.Succeeded), "Scan", begin, begin.Add(20*time.Second))
	var pieces [][]piece
	for _, b := range got {
		pieces = append(pieces, b.Pieces)
	}
	want := [][]piece{
		{{0, 200, "wait"}, {0, 50, "failed"}, {150, 50, "good"}},
		{{200, 800, "wait"}, {200, 250, "failed"}, {550, 450, "good"}},
	}
	if diff := cmp.Diff(want, pieces); diff != "" {
		t.Errorf("pieces (-want +got):\n%s", diff)
	}
	if got[0].Current || !got[1].Current || got[1].After != "4.00 s" || got[1].Lasted != "16.0 s" {
		t.Errorf("got %+v, want Scan as the current state, 4 s after the beginning, for 16 s", got)
	}
}

func TestPiecesAreVisible(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to, whole time.Duration
		want            piece
	}{
		"no time at all":    {0, 0, 0, piece{0, 1000, "x"}},
		"an instant":        {0, 0, time.Hour, piece{0, 4, "x"}},
		"the last instant":  {time.Hour, time.Hour, time.Hour, piece{996, 4, "x"}},
		"a clock that left": {-time.Second, 2 * time.Hour, time.Hour, piece{0, 1000, "x"}},
	} {
		if got := pieceOf("x", c.from, c.to, c.whole); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestPretty(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                   nil,
		`{"a":[1]}`:          {"{", `  "a": [`, "    1", "  ]", "}"},
		`{"cut off`:          {`{"cut off`},
		"\"\u202e<b>\"":      {"\"\u202e<b>\""},
		"no JSON\nbut lines": {"no JSON", "but lines"},
	} {
		if got := pretty(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
