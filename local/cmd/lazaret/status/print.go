package status

import (
	"fmt"
	"io"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// Print writes the report as a page.
func Print(w io.Writer, r Report) error {
	fmt.Fprintf(w, "%s in %s at %s UTC\n\n", r.Stack, r.Region, r.Time.Format(time.DateTime))
	for _, p := range r.Parts() {
		state := string(p.State)
		if p.State == Wrong {
			state = "WRONG"
		}
		fmt.Fprintf(w, "  %-10s %-13s %s\n", state, p.Name, p.Says)
		for _, reason := range p.Reasons {
			fmt.Fprintf(w, "  %-24s - %s\n", "", terminal.Quote(terminal.Shorten(reason, 300)))
		}
	}
	_, err := fmt.Fprintf(w, "\nNext: %s\n", r.Next)
	return err
}
