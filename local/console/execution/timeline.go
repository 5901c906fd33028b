package execution

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/console/trace"
	"github.com/lazaret/lazaret/local/console/view"
)

// bar is a row of the timeline: a visit of a state.
type bar struct {
	trace.Visit
	URL, Word, Lasted, After string
	Mood                     view.Mood
	Current                  bool
	Pieces                   []piece
}

// piece is a part of a bar, in thousandths of the execution's time.
type piece struct {
	X, Width float64
	Class    string
}

// most bounds the rows of the timeline. A state machine that leads in a circle may have thousands of visits.
const most = 500

// bars returns the rows of the timeline, of the last visits if there are too many.
func bars(q question, t trace.Trace, state string, begun, now time.Time) (all []bar) {
	whole := now.Sub(begun)
	piece := func(class string, from, to time.Time) piece {
		return pieceOf(class, from.Sub(begun), to.Sub(begun), whole)
	}
	visits := t.Visits[max(0, len(t.Visits)-most):]
	for _, v := range visits {
		b := bar{Visit: v, Word: v.Status.Word(), Mood: moods[v.Status], Current: v.State == state}
		b.URL = q.link("state", v.State, "visit", v.Number) + "#run"
		from, to := v.Entered, v.Left
		if to.IsZero() {
			to = now
		}
		if !from.IsZero() {
			b.Lasted, b.After = view.Span(to.Sub(from)), view.Span(from.Sub(begun))
			b.Pieces = append(b.Pieces, piece("wait", from, to))
		}
		for _, a := range v.Attempts {
			class, ended := string(view.Good), a.Ended
			switch {
			case a.Failed():
				class = "failed"
			case ended.IsZero():
				ended, class = now, string(view.Busy)
			}
			if !a.Begun.IsZero() {
				b.Pieces = append(b.Pieces, piece(class, a.Begun, ended))
			}
		}
		if len(v.Attempts) == 0 && len(b.Pieces) > 0 {
			b.Pieces[0].Class = string(b.Mood)
		}
		all = append(all, b)
	}
	return all
}

// pieceOf returns a part of a bar, which is wide enough to be seen.
func pieceOf(class string, from, to, whole time.Duration) piece {
	const full, least = 1000, 4
	if whole <= 0 {
		return piece{0, full, class}
	}
	part := func(d time.Duration) float64 { return math.Round(10*full*float64(d)/float64(whole)) / 10 }
	x := min(max(0, part(from)), full-least)
	return piece{x, min(max(least, part(to-from)), full-x), class}
}

// pretty returns JSON as indented lines. What is no JSON, because the log has only its beginning, stays as it is.
func pretty(text string) []string {
	if text == "" {
		return nil
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") == nil {
		text = b.String()
	}
	return strings.Split(text, "\n")
}
