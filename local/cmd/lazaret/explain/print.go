package explain

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// Print writes the page.
func Print(w io.Writer, p *Page) error {
	fmt.Fprintln(w, p.quoted)
	if v := p.Version; v != nil {
		which := "not the current version"
		if v.Current {
			which = "the current version"
		}
		fmt.Fprintf(w, "  %d bytes, uploaded %s UTC, %s\n", v.Size, v.Uploaded.Format(time.DateTime), which)
	}
	fmt.Fprintf(w, "\n%s\n", p.Says)
	if v := p.Verdict; v != nil {
		fmt.Fprintf(w, "\nVerdict     %s\n", strings.TrimSpace(string(v.Status)+" "+terminal.Quote(v.Detail)))
		when := cmp.Or(v.Time, "not known: the object's own tags left no room for it")
		fmt.Fprintf(w, "  when      %s\n", terminal.Quote(when))
		fmt.Fprintf(w, "  by        %s\n", v.By())
	}
	if p.Copy != "" {
		fmt.Fprintf(w, "  it is in  %s\n", p.quotedCopy)
	}
	if p.Reading != nil {
		fmt.Fprintf(w, "\nReading     %s\n", p.Reading.Says)
	}
	for _, x := range p.Executions {
		printExecution(w, x)
	}
	for _, l := range p.DeadLetters {
		fmt.Fprintf(w, "\nDead letter %s, message %s\n", terminal.Quote(l.Error), l.MessageID)
		if l.Expires != nil {
			fmt.Fprintf(w, "  expires   %s UTC\n", l.Expires.Format(time.DateTime))
		}
	}
	for i, text := range p.NotKnown {
		if i == 0 {
			fmt.Fprintln(w, "\nNot known")
		}
		fmt.Fprintf(w, "  %s\n", terminal.Quote(text))
	}
	next := p.Do
	if len(next) == 0 {
		next = []string{"nothing to do"}
	}
	_, err := fmt.Fprintf(w, "\nNext\n  %s\n", strings.Join(next, "\n  "))
	return err
}

// By names the definitions and the engine of a verdict.
func (v *Verdict) By() string {
	text := "definitions not known"
	switch {
	case v.Definitions == "0":
		text = "definitions without a daily set"
	case v.Definitions != "":
		text = "daily definitions " + terminal.Quote(v.Definitions)
	case v.Engine == "none":
		text = "rule: no engine was asked"
	}
	if v.Engine != "" && v.Engine != "none" {
		text += ", " + terminal.Quote(v.Engine)
	}
	return text
}

// printExecution prints an execution and its states.
func printExecution(w io.Writer, x Execution) {
	what := fmt.Sprintf("attempt %d", x.Attempt+1)
	if x.Run != "" {
		what = "a scan that an operator or a schedule asked for"
	}
	status := string(x.Status)
	if x.Error != "" {
		status += " (" + terminal.Quote(x.Error) + ")"
	}
	fmt.Fprintf(w, "\nExecution   %s\n  %s, %s, %s", history.Name(x.ARN), x.Lane, what, status)
	if x.Started != nil {
		fmt.Fprintf(w, ", %s UTC", x.Started.Format(time.DateTime))
	}
	if x.Was != "" {
		fmt.Fprintf(w, "\n  the version %s", x.Was)
	}
	fmt.Fprintln(w)
	for _, s := range x.States {
		text := s.Name
		if s.Error != "" {
			text = fmt.Sprintf("  %s: %s", terminal.Quote(s.Error), terminal.Quote(terminal.Shorten(s.Cause, 200)))
		}
		fmt.Fprintf(w, "%9.3f s  %s\n", s.After, text)
	}
}
