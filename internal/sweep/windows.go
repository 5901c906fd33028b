package sweep

import "time"

const day = 24 * time.Hour

// Window is a range of ages of versions, and how old the definitions of a verdict must be there before a retro-scan
// scans the version again.
type Window struct {
	From   time.Duration // the age of the youngest version
	To     time.Duration // the age that all are below; 0 for none
	Behind int           // by how many daily versions a verdict must be behind; ClamAV publishes about one a day
	Except int           // leaves out those that are behind by so many, which an earlier window has sent; 0: none
}

// Windows are what a retro-scan looks at, in this order: the newest versions first. While the budget is smaller than
// the number of versions, everything is stale again before the oldest versions have had their turn. So the first pass
// asks older versions less often, and what it leaves of the budget goes to the second pass, which asks about each one
// that was judged under older definitions. ADR 32 has the figures.
var Windows = []Window{
	{To: 7 * day, Behind: 1},
	{From: 7 * day, To: 30 * day, Behind: 7},
	{From: 30 * day, To: 90 * day, Behind: 30},
	{From: 90 * day, Behind: 90},
	{From: 7 * day, To: 30 * day, Behind: 1, Except: 7},
	{From: 30 * day, To: 90 * day, Behind: 1, Except: 30},
	{From: 90 * day, Behind: 1, Except: 90},
}

// WindowCounts says what a retro-scan has found in a window.
type WindowCounts struct {
	FromDays   int   `json:"fromDays"`         // the age of the youngest version
	ToDays     int   `json:"toDays,omitempty"` // 0: none
	Behind     int   `json:"behind"`
	Considered int64 `json:"considered"`
	Matched    int64 `json:"matched"`
	Sent       int64 `json:"sent"`
}

// Enter moves a retro-scan to a window, of which it has looked at nothing yet.
func (s *State) Enter(window int) {
	w := Windows[window]
	s.Window, s.Next = window, Place{}
	s.Before, s.After = s.Started.Add(-w.From), time.Time{}
	if w.To > 0 {
		s.After = s.Started.Add(-w.To)
	}
	s.Summary.Windows = append(s.Summary.Windows, WindowCounts{
		FromDays: int(w.From / day), ToDays: int(w.To / day), Behind: w.Behind,
	})
}

// InUse says which definitions a stack uses: the part of the answer of function freshclam to a list that a retro-scan
// needs.
type InUse struct {
	Current     string    `json:"current"`        // fingerprint of the generation; empty without one
	Since       time.Time `json:"since,omitzero"` // when it became the current one
	Generations []struct {
		Fingerprint string `json:"fingerprint"`
		Version     int    `json:"version"` // of the daily set; 0 without one
	} `json:"generations"`
}

// Version returns the daily version in use, and false if no definitions are.
func (u *InUse) Version() (version int, known bool) {
	if u == nil || u.Current == "" {
		return 0, false
	}
	for _, g := range u.Generations {
		if g.Fingerprint == u.Current {
			return g.Version, true
		}
	}
	return 0, false
}
