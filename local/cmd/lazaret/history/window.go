package history

import "time"

// day is the length of a window by default. The log group of a busy stack has gigabytes a day.
const day = 24 * time.Hour

// Window is the time in which executions are looked for: those that started in it. Step Functions finds a STANDARD
// execution by its name without one. The zero Window is the last 24 hours.
type Window struct{ Since, Until time.Time }

// orDefault returns the window with what it lacks: it ends now, and begins a day before its end.
func (w Window) orDefault() Window {
	if w.Until.IsZero() {
		w.Until = time.Now().Add(time.Minute) // AWS's clock and this computer's may differ
	}
	if w.Since.IsZero() {
		w.Since = w.Until.Add(-day)
	}
	return w
}

// has reports whether a time is in the window.
func (w Window) has(t time.Time) bool { return !t.Before(w.Since) && !t.After(w.Until) }

// untilEnds returns the window in which the log has the ends, too, of express executions that started in w.
func (w Window) untilEnds() Window {
	w.Until = w.Until.Add(longestExpress)
	return w
}
