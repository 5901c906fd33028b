package trace

import (
	"fmt"
	"time"

	"github.com/lazaret/lazaret/local/console/graph"
	"github.com/lazaret/lazaret/local/console/view"
)

// Marks returns what a drawing shows of each state that was entered: how its last visit ended, how long that lasted,
// and how often it was tried.
func (t Trace) Marks(now time.Time) map[string]graph.Mark {
	marks := map[string]graph.Mark{}
	for _, v := range t.Visits { // a later visit replaces an earlier one
		m := graph.Mark{Status: v.Status}
		if !v.Entered.IsZero() {
			m.Note = view.Span(v.Lasted(now))
		}
		if n := len(v.Attempts); n > 1 {
			m.Note += fmt.Sprintf(", %d attempts", n)
		}
		if v.Number > 1 {
			m.Note += fmt.Sprintf(", visit %d", v.Number)
		}
		marks[v.State] = m
	}
	return marks
}
