package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// width is the largest width of a printed line, in characters.
const width = 80

// introduce prints what others will see of the run, before the run begins.
func (r *run) introduce(w io.Writer) error {
	s := r.stack
	p := &printer{w: w}
	p.line("", fmt.Sprintf("Verifying the stack %s in account %s, %s, as %s.", s.Name, s.Account, s.Region, s.Caller))
	p.line("", "Others will see:")
	p.line(
		"  - ",
		fmt.Sprintf(
			"about 15 small objects in s3://%s/%s, of which 4 to 6 hold EICAR, the text that every scanner reports; "+
				"these move to quarantine;",
			s.uploads(),
			r.prefix,
		),
	)
	p.line(
		"  - ",
		fmt.Sprintf(
			"their verdicts, announced on %s-verdicts and the default event bus, with keys that begin so;",
			s.Name,
		),
	)
	p.line("  - ", "executions called lazaret-verify-…, log lines and metrics;")
	p.line(
		"  - ",
		fmt.Sprintf(
			"refused requests, where a trail of them is kept; and a message in %s that is no event.",
			queue(s.Outputs["UploadQueueUrl"]),
		),
	)
	p.line(
		"",
		fmt.Sprintf(
			"Objects, their copies and the message's dead letter are removed at the end. This takes up to %s.",
			r.Within+removeWithin,
		),
	)
	p.line("", "")
	return p.err
}

// printLine prints the outcome and the claim of a check and, below, what the check saw.
func printLine(w io.Writer, l Line) {
	outcome := string(l.Outcome)
	if l.Outcome == Fail {
		outcome = "FAIL"
	}
	p := &printer{w: w}
	p.line(fmt.Sprintf("%-13s", outcome), l.Claim)
	p.line(strings.Repeat(" ", 15), terminal.Mask(l.Seen))
}

// printEnd prints what the run leaves, and the summary.
func printEnd(w io.Writer, r Report) error {
	p := &printer{w: w}
	p.line("", "")
	p.line("Left: ", strings.Join(r.Left, "; ")+".")
	p.line("", "")
	if p.err != nil {
		return p.err
	}
	return Summarize(w, r)
}

// Summarize prints the numbers, the checks that failed, and a sentence.
func Summarize(w io.Writer, r Report) error {
	p := &printer{w: w}
	p.line("", fmt.Sprintf("%d passed, %d failed, %d not checked, %d off, in %.1f s.",
		r.count(Pass), r.count(Fail), r.count(NotChecked), r.count(Off), r.Seconds))
	for _, l := range r.Lines {
		if l.Outcome == Fail {
			p.line("  FAIL  ", l.Check+": "+l.Claim)
		}
	}
	switch {
	case r.Stopped:
		p.line("", "Stopped before the end.")
	case r.Wrong && r.count(Fail) == 0:
		p.line("", "Nothing could be checked.")
	case r.Wrong:
		p.line("", "Something is wrong.")
	case r.count(NotChecked) > 0:
		p.line("", "Everything that could be checked is as it must be.")
	default:
		p.line("", "Everything is as it must be.")
	}
	return p.err
}

func printJSON(w io.Writer, r Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", text)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// printer writes lines of at most width characters and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

// line prints text after a lead. Further lines are indented as far as the lead.
func (p *printer) line(lead, text string) {
	indent := strings.Repeat(" ", len([]rune(lead)))
	column, b := 0, strings.Builder{}
	b.WriteString(lead)
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
			column = len([]rune(lead)) + n
		case column+1+n > width:
			b.WriteString("\n" + indent)
			column = len([]rune(indent)) + n
		default:
			b.WriteByte(' ')
			column += 1 + n
		}
		b.WriteString(word)
	}
	if _, err := fmt.Fprintln(p.w, strings.TrimRight(b.String(), " ")); err != nil && p.err == nil {
		p.err = fmt.Errorf("write the report: %w", err)
	}
}
