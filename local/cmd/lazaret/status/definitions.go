package status

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// oldDefinitions is the age from which the daily definitions are wrong. ClamAV publishes about once a day, and
// freshclam asks every three hours, so that older ones mean that updates do not arrive.
const oldDefinitions = 36 * time.Hour

// Definitions are the current definitions, and the last run of freshclam.
type Definitions struct {
	Answer
	Generation string     `json:"generation,omitempty"` // fingerprint
	Version    int        `json:"version,omitempty"`    // of the daily set; absent without one
	Built      *time.Time `json:"built,omitempty"`      // the daily set
	AgeSeconds int64      `json:"ageSeconds,omitempty"`
	LastRun    string     `json:"lastRun,omitempty"` // its outcome
	LastRunAt  *time.Time `json:"lastRunAt,omitempty"`

	scanning bool // those in use are young enough to scan with, whatever is wrong with the last run
}

// definitions asks freshclam, as lazaret definitions does.
func (r *Reader) definitions(ctx context.Context, parameters map[string]string) (d Definitions) {
	var l update.Listing
	request := update.Request{Definitions: update.List}
	if err := deployment.Invoke(ctx, r.clients.Lambda, r.stack.Function("freshclam"), request, &l); err != nil {
		d.Answer = notKnown(err, "ask "+r.stack.Function("freshclam")+" for its list", "lambda:InvokeFunction")
		return d
	}
	d.State, d.Do = OK, ""
	wrong := func(do, format string, args ...any) {
		if d.State == OK {
			d.State, d.Do = Wrong, do
		}
		d.Says += fmt.Sprintf(format, args...)
	}
	i := slices.IndexFunc(l.Generations, func(g definitions.Generation) bool { return g.Fingerprint == l.Current })
	if l.Current == "" || i < 0 {
		wrong(r.command("lazaret definitions update"), "none are published: nothing is scanned")
	} else {
		d.describe(l.Generations[i])
		age, most := time.Duration(d.AgeSeconds)*time.Second, maxAge(parameters)
		switch {
		case d.Built == nil && !r.stack.IsLocal():
			wrong(r.command("lazaret definitions update"), ": without a daily set next to nothing is detected")
		case most > 0 && age > most:
			wrong(r.command("lazaret definitions update"), ": older than MaxDefinitionsAge, so nothing is scanned")
		case age > oldDefinitions:
			wrong(r.command("lazaret definitions update"), ": updates do not arrive")
		}
	}
	d.scanning = d.State == OK
	r.lastRun(&d, l.Status, wrong)
	if l.Pinned != "" {
		d.Says += "; a generation is pinned, so there are no updates"
	}
	return d
}

// describe says which generation is current.
func (d *Definitions) describe(g definitions.Generation) {
	d.Generation, d.Version = g.Fingerprint, g.Version
	d.Says = "no daily set"
	if !g.Built.IsZero() {
		built := g.Built.UTC()
		d.Built, d.AgeSeconds = &built, int64(time.Since(built).Seconds())
		d.Says = fmt.Sprintf("daily %d, %s old", g.Version, terminal.Ago(time.Since(built)))
	}
	d.Says += ", " + count(g.Signatures, "signature", "signatures")
}

// lastRun says how the last run of freshclam ended.
func (r *Reader) lastRun(d *Definitions, s update.Status, wrong func(do, format string, args ...any)) {
	if s.Outcome == "" {
		if r.stack.IsLocal() { // where definitions are there without a run
			return
		}
		wrong(r.command("lazaret definitions update"), "; freshclam has never run")
		return
	}
	at := s.Time.UTC()
	d.LastRun, d.LastRunAt = string(s.Outcome), &at
	said := fmt.Sprintf("; freshclam %s ago: %s", terminal.Ago(time.Since(at)), s.Outcome)
	switch {
	case s.Held != nil:
		wrong(r.command("lazaret definitions"), "%s; newer definitions are held back", said)
	case d.scanning && update.OfMirror(s.Outcome):
		// The next run asks again. Until the definitions are old, nothing is wrong with them.
		d.Says += fmt.Sprintf("%s, %s", said, terminal.Quote(terminal.Shorten(s.Detail, 200)))
	case !update.Good(s.Outcome):
		wrong(r.command("lazaret definitions"), "%s, %s", said, terminal.Quote(terminal.Shorten(s.Detail, 200)))
	default:
		d.Says += said
	}
}

// maxAge returns the stack's MaxDefinitionsAge, and 0 if there is none or it is not known.
func maxAge(parameters map[string]string) time.Duration {
	hours, err := strconv.ParseFloat(parameters["MaxDefinitionsAge"], 64)
	if err != nil {
		return 0
	}
	return time.Duration(hours * float64(time.Hour))
}
