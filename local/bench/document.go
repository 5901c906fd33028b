package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// The lines of the document between which everything is written by this command.
const (
	documentBegin = "<!-- make bench writes what follows -->"
	documentEnd   = "<!-- make bench has written what precedes -->"
)

// errSpoilt: the document is not written.
var errSpoilt = errors.New("others have spoilt the run")

// writeDocument puts the report into a document, between two lines that it must have. What a person has written around
// them stays. A report that others have spoilt is not written.
func (r *report) writeDocument(path string) error {
	if n := r.spoilt(); n > 0 {
		return fmt.Errorf("write %s: %w: %d of %d figures are not stated or not judged; run it on a quiet computer",
			path, errSpoilt, n, len(r.Rows))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), documentBegin+"\n")
	_, after, ends := strings.Cut(rest, documentEnd+"\n")
	if !begins || !ends {
		return fmt.Errorf("write %s: it has no lines %q and %q", path, documentBegin, documentEnd)
	}
	whole := before + documentBegin + "\n" + r.document() + documentEnd + "\n" + after
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// document returns the report as Markdown.
func (r *report) document() string {
	var b strings.Builder
	m, foreign, missed := r.Machine, 0.0, 0
	for _, x := range r.Rows {
		foreign = max(foreign, x.Foreign)
		if x.missed() {
			missed++
		}
	}
	fmt.Fprintf(&b, "\nMeasured on %s with the local stack on %d cores:\n%s,\nLinux %s, %s, %s, %s.\n"+
		"Other processes used at most %.2f processors during a measurement. %s\n",
		r.Time.Format("2 January 2006"), m.Cores, m.CPU, m.Kernel, m.Go, m.Engine, m.Files, foreign,
		missedText(missed))
	for _, measurement := range measurements() {
		rows := r.of(measurement.name)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| | measured | aim |\n| --- | --- | --- |\n", measurement.title, measurement.about)
		for _, x := range rows {
			aim := strings.NewReplacer("<=", "at most", ">=", "at least").Replace(x.bound())
			if x.missed() {
				aim += ", **missed**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", x.Name, strings.TrimSpace(x.value()+" "+x.Unit), aim)
		}
	}
	b.WriteString("\n")
	return b.String()
}

func missedText(n int) string {
	switch n {
	case 0:
		return "No aim was missed."
	case 1:
		return "One aim was missed."
	}
	return fmt.Sprintf("%d aims were missed.", n)
}

// of returns the rows of a measurement.
func (r *report) of(measurement string) (rows []row) {
	for _, x := range r.Rows {
		if x.Measurement == measurement {
			rows = append(rows, x)
		}
	}
	return rows
}
