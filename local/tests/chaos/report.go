package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

// shown is how many wrongs of a class are printed. The list has all.
const shown = 20

// report prints the account.
func (r *run) report(a *accounted, now *result) {
	r.say("the end")
	fmt.Fprintf(r.out, "\n%s\n", r.sampler.summary())
	made := r.proxy.disturbances()
	var parts []string
	for _, how := range sortedKeys(made) {
		parts = append(parts, fmt.Sprintf("%d %s", made[how], how))
	}
	fmt.Fprintf(r.out, "disturbed calls: %s\n", cmp.Or(strings.Join(parts, ", "), "none"))
	fmt.Fprintf(r.out, "dead letters of objects at the end: %d, all redriven; "+
		"scanned again after engines were killed: %d; work files of executions that died, left to the sweep: %d\n\n",
		now.hadLetter, now.crashed, len(now.swept))
	r.table(a)
	counts := map[string]int{}
	for _, w := range a.wrongs {
		counts[w.class]++
	}
	fmt.Fprintln(r.out)
	for _, class := range classes() {
		fmt.Fprintf(r.out, "%6d  %s\n", counts[class], class)
	}
	for _, class := range classes() {
		r.showWrongs(a, class)
	}
	if len(a.wrongs) > 0 {
		fmt.Fprintf(r.out, "\nWRONG: %d (seed %d); all versions are in %s\n", len(a.wrongs), r.seed, r.list)
	} else {
		fmt.Fprintf(r.out, "\nin order: all %d versions (seed %d); they are in %s\n", len(a.lines), r.seed, r.list)
	}
}

// table prints how many versions with which verdict to get had which end.
func (r *run) table(a *accounted) {
	counts := map[string]map[job.Verdict]int{}
	for _, l := range a.lines {
		if counts[l.end] == nil {
			counts[l.end] = map[job.Verdict]int{}
		}
		counts[l.end][l.upload.kind.want]++
	}
	verdicts := []job.Verdict{job.Clean, job.Infected, job.Unscannable}
	fmt.Fprintf(r.out, "%-26s", "versions that are")
	for _, v := range verdicts {
		fmt.Fprintf(r.out, "%14s", strings.ToLower(string(v)))
	}
	fmt.Fprintln(r.out)
	for _, end := range ends() {
		fmt.Fprintf(r.out, "%-26s", end)
		for _, v := range verdicts {
			fmt.Fprintf(r.out, "%14d", counts[end][v])
		}
		fmt.Fprintln(r.out)
	}
}

// showWrongs prints the first wrongs of a class.
func (r *run) showWrongs(a *accounted, class string) {
	n := 0
	for _, w := range a.wrongs {
		if w.class != class {
			continue
		}
		if n++; n > shown {
			continue
		}
		text := w.text
		if w.name.key != "" {
			text = fmt.Sprintf("%q, version %s: %s", w.name.key, w.name.id, w.text)
			if v := r.ledger.find(w.name); v != nil {
				text += fmt.Sprintf(" [%s; met %s]", v.upload, cmp.Or(strings.Join(r.ledger.faultsOf(w.name), ", "), "nothing"))
			}
		}
		fmt.Fprintf(r.out, "%s: %s\n", class, text)
	}
	if n > shown {
		fmt.Fprintf(r.out, "%s: and %d more\n", class, n-shown)
	}
}

// writeList writes a line for each version: what it is, where it ended, and what it met.
func (r *run) writeList(a *accounted) (err error) {
	if err := os.MkdirAll(filepath.Dir(r.list), 0o755); err != nil {
		return fmt.Errorf("write the list of versions: %w", err)
	}
	f, err := os.Create(r.list)
	if err != nil {
		return fmt.Errorf("write the list of versions: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "upload\tkey\tversion\tkind\tway\tmust be\tend\twhere\tmet")
	slices.SortStableFunc(a.lines, func(x, y line) int { return x.upload.id - y.upload.id })
	for _, l := range a.lines {
		fmt.Fprintf(w, "%d\t%q\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.upload.id, l.key, l.id, l.upload.kind.name, l.upload.way,
			l.upload.kind.want, l.end, strings.Join(l.where, ", "), strings.Join(r.ledger.faultsOf(l.name), ", "))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the list of versions: %w", err)
	}
	return nil
}
