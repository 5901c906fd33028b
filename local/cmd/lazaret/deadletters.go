package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// maxExamples is how many letters of an error a listing names. A dry run names all that would be redriven.
const maxExamples = 3

// lettersByError collects dead letters by their error.
type lettersByError struct {
	groups      map[string]*letterGroup
	maxExamples int  // 0: no limit
	times       bool // say since when the letters are there, and when they expire
	count       int
}

// letterGroup is the dead letters of one error.
type letterGroup struct {
	count    int
	cause    string    // of the first letter that has one
	oldest   time.Time // when the oldest was sent; zero if that is not known
	newest   time.Time
	examples []redrive.Letter
}

func (b *lettersByError) add(l redrive.Letter) {
	g := b.groups[l.Error]
	if g == nil {
		g = &letterGroup{}
		b.groups[l.Error] = g
	}
	b.count++
	g.count++
	g.cause = cmp.Or(g.cause, l.Cause)
	if !l.Sent.IsZero() && (g.oldest.IsZero() || l.Sent.Before(g.oldest)) {
		g.oldest = l.Sent
	}
	if l.Sent.After(g.newest) {
		g.newest = l.Sent
	}
	if b.maxExamples == 0 || len(g.examples) < b.maxExamples {
		l.Cause, l.Body = "", "" // not printed; they may be long, and there may be many
		g.examples = append(g.examples, l)
	}
}

// print prints the groups, the most frequent error first.
func (b *lettersByError) print(w io.Writer) {
	names := slices.SortedFunc(maps.Keys(b.groups), func(x, y string) int {
		return cmp.Or(b.groups[y].count-b.groups[x].count, cmp.Compare(x, y))
	})
	for _, name := range names {
		b.groups[name].print(w, name, b.times)
	}
}

func (g *letterGroup) print(w io.Writer, name string, times bool) {
	fmt.Fprintf(w, "\n%s: %d\n", terminal.Quote(name), g.count)
	if name == redrive.NotUnderstood {
		fmt.Fprintln(
			w,
			"  not understood; --all alone redrives these, and they become dead letters again unless dispatch can read them now",
		)
	}
	if times && !g.oldest.IsZero() {
		fmt.Fprintf(w, "  since      %s, the newest %s; the first expires %s\n", g.oldest.Format(time.DateTime),
			g.newest.Format(time.DateTime), g.oldest.Add(redrive.Retention).Format(time.DateTime))
	}
	if g.cause != "" {
		fmt.Fprintf(w, "  cause      %s\n", terminal.Quote(terminal.Shorten(g.cause, 300)))
	}
	for _, l := range g.examples {
		fmt.Fprintf(w, "  %s\n", describeLetter(l))
	}
	if more := g.count - len(g.examples); more > 0 {
		fmt.Fprintf(w, "  … and %d more; lazaret dead-letters list --output json names all\n", more)
	}
}

// describeLetter returns the letter's object, and where to read about it: the execution, whose history shows what
// happened, or the message, whose id is in dispatch's log.
func describeLetter(l redrive.Letter) string {
	source := "message " + l.MessageID
	if l.Execution != "" {
		source = "execution " + l.ExecutionName()
	}
	if len(l.Objects) == 0 {
		return source
	}
	object := l.Objects[0].String()
	if n := len(l.Objects); n > 1 {
		object += fmt.Sprintf(" and %d more", n-1)
	}
	return object + "\n    " + source
}

// countLetters returns "1 dead letter" or "2 dead letters".
func countLetters(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return fmt.Sprintf("%d dead letters", n)
}
