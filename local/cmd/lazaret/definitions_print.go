package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/trial"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

func printListing(w io.Writer, l update.Listing, stack string) error {
	if len(l.Generations) == 0 {
		fmt.Fprintln(w, "no definitions are published: scans wait")
	}
	heldBack := ""
	if l.Status.Held != nil {
		heldBack = l.Status.Held.Generation.Fingerprint
	}
	for _, g := range l.Generations {
		var notes []string
		for _, n := range []struct{ fingerprint, note string }{
			{l.Current, "current"}, {l.Previous, "previous"}, {l.Pinned, "pinned"}, {heldBack, "held back"},
		} {
			if n.fingerprint == g.Fingerprint {
				notes = append(notes, n.note)
			}
		}
		fmt.Fprintf(w, "%s  %s  %s\n", g.Fingerprint, describeGeneration(g), strings.Join(notes, ", "))
	}
	for _, signature := range l.Ignored {
		fmt.Fprintf(w, "signature %s is ignored (lazaret definitions unignore)\n", terminal.Quote(signature))
	}
	for _, d := range l.Accepted {
		fmt.Fprintf(w, "published all the same: %s calls the known-clean file %s infected\n",
			terminal.Quote(d.Signature), terminal.Quote(d.File))
	}
	for _, trial := range l.Trials {
		printTrial(w, trial, stack)
	}
	return printStatus(w, l.Status, stack)
}

// printTrial prints a new signature that hits many files, and the commands that end its trial.
func printTrial(w io.Writer, t trial.Trial, stack string) {
	name := terminal.Quote(t.Signature)
	if t.Confirmed {
		fmt.Fprintf(w, "signature %s, new since %s, hits many files, and is confirmed: they are moved\n",
			name, t.FirstSeen.UTC().Format(time.DateTime))
		return
	}
	fmt.Fprintf(w, "signature %s, new since %s, is on trial since %s: it hits too many files, and the others wait\n",
		name, t.FirstSeen.UTC().Format(time.DateTime), t.Since.UTC().Format(time.DateTime))
	fmt.Fprintln(w, "  if it is wrong:  ", terminal.Quote(update.Command(update.Rollback, "", stack)))
	fmt.Fprintln(w, "  if it is right:  ", terminal.Quote(update.Command(update.Confirm, t.Signature, stack)))
	redrive := "lazaret redrive --match SignatureOnTrial" + update.StackFlag(stack)
	fmt.Fprintln(w, "  then, either way:", terminal.Quote(redrive))
	release := "lazaret release --signature " + update.Quote(t.Signature) + " --reason WHY" + update.StackFlag(stack)
	fmt.Fprintln(w, "  and, if wrong:   ", terminal.Quote(release))
}

// printStatus prints the result of the last update.
func printStatus(w io.Writer, s update.Status, stack string) error {
	if s.Outcome == "" {
		_, err := fmt.Fprintln(w, "no update has run")
		return err
	}
	fmt.Fprintf(w, "update of %s: %s", s.Time.UTC().Format(time.DateTime), s.Outcome)
	if s.Detail != "" {
		fmt.Fprintf(w, " (%s)", terminal.Quote(s.Detail))
	}
	fmt.Fprintln(w)
	if !s.Retry.IsZero() {
		fmt.Fprintf(w, "the mirror is not asked before %s\n", s.Retry.UTC().Format(time.DateTime))
	}
	if s.Held != nil {
		printHold(w, s.Held, stack)
	}
	for _, d := range s.OwnDetections.Detections {
		fmt.Fprintf(w, "own signature %s calls the known-clean file %s infected; it is used all the same\n",
			terminal.Quote(d.Signature), terminal.Quote(d.File))
	}
	for _, f := range s.Own {
		switch {
		case f.Refused != "":
			fmt.Fprintf(w, "own signatures %s are refused: %s\n", terminal.Quote(f.Name), terminal.Quote(f.Refused))
		case f.AllowList:
			fmt.Fprintf(w, "own signatures %s switch detection off\n", terminal.Quote(f.Name))
		}
	}
	for _, warning := range s.Warnings {
		fmt.Fprintln(w, "warning:", terminal.Quote(warning))
	}
	return nil
}

// printHold prints which generation is held back, and the commands that end it.
func printHold(w io.Writer, h *update.Hold, stack string) {
	files := "1 known-clean file"
	if h.Files != 1 {
		files = fmt.Sprintf("%d known-clean files", h.Files)
	}
	fmt.Fprintf(w, "held back since %s: %s, which calls %s infected:\n",
		h.Since.UTC().Format(time.DateTime), describeGeneration(h.Generation), files)
	for _, d := range h.Detections {
		fmt.Fprintf(w, "  %s  %s\n", terminal.Quote(d.Signature), terminal.Quote(d.File))
	}
	ignore := update.IgnoreCommand(h.Detections[0].Signature, stack)
	fmt.Fprintln(w, "to ignore the signature:     ", terminal.Quote(ignore))
	fmt.Fprintln(w, "to publish it all the same:  ", terminal.Quote(h.PublishCommand(stack)))
}

// describeGeneration returns the version and the build time of the daily set, and the number of signatures.
func describeGeneration(g definitions.Generation) string {
	signatures := "1 signature"
	if g.Signatures != 1 {
		signatures = fmt.Sprintf("%d signatures", g.Signatures)
	}
	if g.Built.IsZero() {
		return "no daily set, " + signatures
	}
	return fmt.Sprintf("daily %d of %s, %s", g.Version, g.Built.UTC().Format(time.DateTime), signatures)
}
