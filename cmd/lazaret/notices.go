package main

import (
	"fmt"
	"io"
	"time"

	"github.com/fatih/color"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local"
)

// colours are those of what happened. The library leaves them out where standard
// output is no terminal, and where NO_COLOR is set.
var colours = map[string]*color.Color{
	string(job.Clean):       color.New(color.FgGreen),
	string(job.Infected):    color.New(color.FgRed, color.Bold),
	string(job.Unscannable): color.New(color.FgYellow),
	local.NoVerdict:         color.New(color.FgRed),
	local.FunctionFailed:    color.New(color.FgRed),
	local.FunctionRecovered: color.New(color.FgGreen),
}

// painted is a word in its colour, filled up to width.
func painted(word string, width int) string {
	filled := fmt.Sprintf("%-*s", width, word)
	if c := colours[word]; c != nil {
		return c.Sprint(filled)
	}
	return filled
}

// showNotices returns what writes each notice as one line.
func showNotices(w io.Writer) func(local.Notice) {
	return func(n local.Notice) {
		took := ""
		if n.Took > 0 {
			took = fmt.Sprintf("%.3f s", n.Took.Seconds())
		}
		line := fmt.Sprintf("%s  %s %9s  %s", n.Time.Format(time.TimeOnly), painted(n.What, 11), took, n.Subject)
		switch {
		case n.What == local.FunctionRecovered:
			line += fmt.Sprintf("  works again, after %s", failures(n.Times))
		case n.Detail != "":
			line += "  " + printable(n.Detail)
		}
		if n.What == local.FunctionFailed && n.Times > 1 {
			line += fmt.Sprintf(" (%s since the last line)", failures(n.Times))
		}
		_, _ = fmt.Fprintln(w, line) // a terminal that is gone
	}
}

func failures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}
