package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// releasedJSON is the output of release --signature --output json.
type releasedJSON struct {
	Signature string          `json:"signature"`
	Found     []decision.Copy `json:"found"`    // copies that were not released
	Released  int             `json:"released"` // copies that had been released before
	Results   []decide.Result `json:"results,omitempty"`
}

// found returns copies as a list that is never null.
func found(copies []decision.Copy) []decision.Copy {
	if copies == nil {
		return []decision.Copy{}
	}
	return copies
}

// quoted returns an address as it is pasted into a shell.
func quoted(address string) string {
	o, err := job.ParseAddress(address)
	if err != nil {
		return terminal.Quote(address)
	}
	return o.String()
}

// printReleased says what was released, or would be.
func printReleased(w io.Writer, r decide.Result, dryRun bool) {
	record := *r.Record
	switch {
	case dryRun:
		fmt.Fprintf(w, "would release %s\n           to %s\n", quoted(record.Copy), quoted(record.Object))
	case r.Done:
		fmt.Fprintf(w, "released before, on %s by %s: %s\n",
			record.Time.UTC().Format(time.DateTime), terminal.Quote(record.By), quoted(record.Object))
	default:
		fmt.Fprintf(w, "released %s\n", quoted(record.Object))
	}
	for _, signature := range record.Signatures {
		fmt.Fprintf(w, "  allowed in these bytes: %s\n", terminal.Quote(signature))
	}
	fmt.Fprintf(w, "  SHA-256 %s, until %s UTC\n", record.SHA256, record.Expires.UTC().Format(time.DateTime))
	if record.Overwritten != "" {
		fmt.Fprintf(w, "  in place of the newer object %s\n", quoted(record.Overwritten))
	}
	if !dryRun && !r.Done {
		fmt.Fprintln(w, "  its version id and its time are new; it is scanned as any upload")
	}
	if r.Done {
		fmt.Fprintf(w, "  to release it anew: lazaret release remove %s --reason TEXT, then this command\n", record.SHA256)
	}
}

// printVerdict prints the verdict on an object that was put back.
func printVerdict(w io.Writer, v decision.Verdict) {
	word := v.Verdict
	if c := colours()[word]; c != nil {
		word = c.Sprint(word)
	}
	fmt.Fprintf(w, "%s %s %s\n", word, terminal.Quote(v.Detail), quoted(v.Object))
}

// notClean is the error about another verdict than CLEAN.
func notClean(v decision.Verdict) error {
	return fmt.Errorf("the new verdict is %s %s", v.Verdict, terminal.Quote(v.Detail))
}

// shownCopies is how many copies are listed before all of them are released.
const shownCopies = 10

// printCopies says how many copies a signature has, and names the first.
func printCopies(w io.Writer, signature string, copies []decision.Copy, released int) {
	fmt.Fprintf(w, "%s by %s in quarantine, %d more released before\n",
		countCopies(len(copies)), terminal.Quote(signature), released)
	for i, c := range copies {
		if i == shownCopies {
			fmt.Fprintf(w, "  and %d more\n", len(copies)-shownCopies)
			break
		}
		fmt.Fprintf(w, "  %s  %s\n", c.Time.UTC().Format(time.DateTime), quoted(c.Original))
	}
}

func countCopies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%d copies", n)
}

// progressOf returns a function that shows how much is done, on a terminal only.
func progressOf(cmd *cobra.Command, what string, all int) func(done int) {
	f := cmd.ErrOrStderr()
	if !terminal.Is(f) {
		return func(int) {}
	}
	return func(done int) {
		fmt.Fprintf(f, "\r%s %d of %d", what, done, all)
		if done == all {
			fmt.Fprintln(f)
		}
	}
}

// printResults prints what failed, and returns an error if anything did.
func printResults(w io.Writer, results []decide.Result, quiet bool) error {
	failed := 0
	for _, r := range results {
		if r.Error == "" {
			continue
		}
		failed++
		if !quiet {
			fmt.Fprintf(w, "  %s: %s\n", quoted(r.Copy), terminal.Quote(r.Error))
		}
	}
	if !quiet {
		fmt.Fprintf(w, "%s released\n", countCopies(len(results)-failed))
	}
	if failed > 0 {
		return fmt.Errorf("%s did not come back CLEAN; the same command again finishes what is left", countCopies(failed))
	}
	return nil
}
