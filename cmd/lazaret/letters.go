package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lazaret/lazaret/cmd/lazaret/redrive"
)

// examples is how many letters of a group a listing names.
const examples = 3

// group is the dead letters of one error.
type group struct {
	count int
	cause string // of the first
	some  []redrive.Letter
}

// listLetters shows the dead letters by error. A dry run counts those that
// choose picks, and shows every one of them.
func listLetters(ctx context.Context, w io.Writer, r *redrive.Redriver, name string, limit int, choose func(redrive.Letter) bool, dry bool) error {
	groups := map[string]*group{}
	chosen := 0
	result, err := r.List(ctx, limit, func(l redrive.Letter) bool {
		if dry && !choose(l) {
			return false
		}
		chosen++
		g := groups[l.Error]
		if g == nil {
			g = &group{}
			groups[l.Error] = g
		}
		g.count++
		g.cause = cmp.Or(g.cause, l.Cause)
		if dry || len(g.some) < examples {
			l.Cause = "" // may be long, and there may be many
			g.some = append(g.some, l)
		}
		return true
	})
	switch {
	case dry:
		fmt.Fprintf(w, "%s would be redriven to %s-uploads, %d others looked at and left\n", letters(chosen), name, result.Seen-chosen)
	default:
		fmt.Fprintf(w, "%s in %s-dead-letters\n", letters(chosen), name)
	}
	for _, e := range byCount(groups) {
		groups[e].show(w, e)
	}
	remarks(w, result)
	if err != nil && ctx.Err() != nil {
		return stoppedError{errors.New("before the end of the queue")}
	}
	if err == nil && chosen > 0 && !dry {
		fmt.Fprintf(w, "\nOnce the cause is gone: lazaret redrive --all, or --match TEXT for some (error, cause, key or execution); --dry-run shows which.\n")
	}
	return err
}

// byCount is the errors, the most frequent first.
func byCount(groups map[string]*group) []string {
	var names []string
	for name := range groups {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(groups[b].count-groups[a].count, cmp.Compare(a, b))
	})
	return names
}

func (g *group) show(w io.Writer, name string) {
	fmt.Fprintf(w, "\n%s: %d\n", printable(name), g.count)
	if name == redrive.NotUnderstood {
		fmt.Fprintln(w, "  not understood; --all alone redrives these, and they come back unless dispatch has learnt to read them")
	}
	if g.cause != "" {
		fmt.Fprintf(w, "  cause      %s\n", short(g.cause, 300))
	}
	for _, l := range g.some {
		fmt.Fprintf(w, "  %s\n", subject(l))
	}
	if more := g.count - len(g.some); more > 0 {
		fmt.Fprintf(w, "  … and %d more\n", more)
	}
}

// subject names a letter by what it is about, and where its story can be read:
// in an execution's history, or in dispatch's log, by message.
func subject(l redrive.Letter) string {
	source := "message " + l.MessageID
	if l.Execution != "" {
		source = "execution " + l.Name()
	}
	if len(l.Objects) == 0 {
		return source
	}
	what := l.Objects[0].String()
	if n := len(l.Objects); n > 1 {
		what += fmt.Sprintf(" and %d more", n-1)
	}
	return what + "\n    " + source
}
