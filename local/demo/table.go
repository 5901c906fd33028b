package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"github.com/mattn/go-runewidth"

	"github.com/lazaret/lazaret/internal/job"
)

// The widths of the table's columns, 80 with the blanks between them. Keys of
// the samples fit; some of their letters are two columns wide.
const (
	keyWidth     = 36
	verdictWidth = 11
	whereWidth   = 10
	whyWidth     = 20
)

// noVerdict stands where a verdict would.
const noVerdict = "none"

// paint is the colour of a verdict. The library leaves colours out where
// standard output is no terminal, and where NO_COLOR is set.
var paint = map[string]*color.Color{
	string(job.Clean): color.New(color.FgGreen), string(job.Infected): color.New(color.FgRed, color.Bold),
	string(job.Unscannable): color.New(color.FgYellow), noVerdict: color.New(color.FgRed),
}

// line writes one line of the table.
func line(key, verdict, where, why string) func(io.Writer) {
	column := func(text string, width int) string {
		return runewidth.FillRight(runewidth.Truncate(text, width, "…"), width)
	}
	filled := column(verdict, verdictWidth)
	if c := paint[verdict]; c != nil {
		filled = c.Sprint(filled)
	}
	return func(w io.Writer) {
		text := fmt.Sprintf("%s %s %s %s", column(key, keyWidth), filled, column(where, whereWidth), runewidth.Truncate(why, whyWidth, "…"))
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
}

func header() func(io.Writer) { return line("FILE", "VERDICT", "IT IS IN", "WHY") }

// row is the line of a result.
func (r result) row() func(io.Writer) {
	o := r.outcome()
	verdict, where, why := string(o.Verdict), "uploads", o.Signature+string(o.Reason)
	switch {
	case r.err != nil:
		verdict, where, why = "?", "?", r.err.Error()
	case o.Error != "":
		verdict, why = noVerdict, o.Error
	case o.Verdict == job.Clean && r.job.Copy != nil:
		where = "clean"
	case r.job.Copy != nil:
		where = "quarantine"
	}
	if o.Engine == "none" {
		why = "too short for clamd"
	}
	return line(r.sample.Key, verdict, where, why)
}
