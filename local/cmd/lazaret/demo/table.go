package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"github.com/mattn/go-runewidth"

	"github.com/lazaret/lazaret/internal/job"
)

// The widths of the table's columns, which are 80 in all with the blanks between them. Every key of a sample fits. Some
// letters are two columns wide.
const (
	keyWidth     = 36
	verdictWidth = 11
	whereWidth   = 10
	whyWidth     = 20
)

// noVerdict is shown in place of a verdict.
const noVerdict = "none"

// paint has the colours of verdicts. The library writes no colours when standard output is not a terminal or NO_COLOR
// is set.
var paint = map[string]*color.Color{
	string(job.Clean): color.New(color.FgGreen), string(job.Infected): color.New(color.FgRed, color.Bold),
	string(job.Unscannable): color.New(color.FgYellow), noVerdict: color.New(color.FgRed),
}

// line returns a function that writes one line of the table.
func line(key, verdict, where, why string) func(io.Writer) {
	column := func(text string, width int) string {
		return runewidth.FillRight(runewidth.Truncate(text, width, "…"), width)
	}
	filled := column(verdict, verdictWidth)
	if c := paint[verdict]; c != nil {
		filled = c.Sprint(filled)
	}
	return func(w io.Writer) {
		text := fmt.Sprintf("%s %s %s %s", column(key, keyWidth), filled, column(where, whereWidth),
			runewidth.Truncate(why, whyWidth, "…"))
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
}

func header() func(io.Writer) { return line("FILE", "VERDICT", "IT IS IN", "WHY") }

// row returns a function that writes the line of a result.
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
