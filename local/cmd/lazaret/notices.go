package main

import (
	"fmt"
	"io"
	"time"

	"github.com/fatih/color"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
	"github.com/lazaret/lazaret/local/notice"
)

// colours returns the colours of notices. The library omits them if standard output is no terminal or NO_COLOR is set.
func colours() map[string]*color.Color {
	return map[string]*color.Color{
		string(job.Clean):        color.New(color.FgGreen),
		string(job.Infected):     color.New(color.FgRed, color.Bold),
		string(job.Unscannable):  color.New(color.FgYellow),
		notice.NoVerdict:         color.New(color.FgRed),
		notice.FunctionFailed:    color.New(color.FgRed),
		notice.FunctionRecovered: color.New(color.FgGreen),
	}
}

// showNotices returns a function that prints a notice as one line.
func showNotices(w io.Writer) func(notice.Notice) {
	colours := colours()
	paint := func(word string) string {
		padded := fmt.Sprintf("%-11s", word)
		if c := colours[word]; c != nil {
			return c.Sprint(padded)
		}
		return padded
	}
	return func(n notice.Notice) {
		took := ""
		if n.Took > 0 {
			took = fmt.Sprintf("%.3f s", n.Took.Seconds())
		}
		line := fmt.Sprintf("%s  %s %9s  %s", n.Time.Format(time.TimeOnly), paint(n.What), took, n.Subject)
		switch {
		case n.What == notice.FunctionRecovered:
			line += fmt.Sprintf("  works again, after %s", countFailures(n.Times))
		case n.Detail != "":
			line += "  " + terminal.Quote(n.Detail)
		}
		if n.What == notice.FunctionFailed && n.Times > 1 {
			line += fmt.Sprintf(" (%s since the last line)", countFailures(n.Times))
		}
		_, _ = fmt.Fprintln(w, line) // a closed terminal stops nothing
	}
}

func countFailures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}
