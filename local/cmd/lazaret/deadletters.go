package main

import (
	"fmt"
	"io"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// maxExamples is how many letters of an error a listing names. A dry run names all that would be redriven.
const maxExamples = 3

// lettersByError prints dead letters by their error.
type lettersByError struct {
	redrive.Groups
	times bool // say since when the letters are there, and when they expire
}

// print prints the groups, the most frequent error first.
func (b *lettersByError) print(w io.Writer) {
	for _, g := range b.Sorted() {
		printGroup(w, g, b.times)
	}
}

func printGroup(w io.Writer, g *redrive.Group, times bool) {
	fmt.Fprintf(w, "\n%s: %d\n", terminal.Quote(g.Error), g.Count)
	if g.Error == redrive.NotUnderstood {
		fmt.Fprintln(
			w,
			"  not understood; --all alone redrives these, and they become dead letters again unless dispatch can read them now",
		)
	}
	if times && !g.Oldest.IsZero() {
		fmt.Fprintf(w, "  since      %s, the newest %s; the first expires %s\n", g.Oldest.Format(time.DateTime),
			g.Newest.Format(time.DateTime), g.Expires().Format(time.DateTime))
	}
	if len(g.Causes) > 0 {
		fmt.Fprintf(w, "  cause      %s\n", terminal.Quote(terminal.Shorten(g.Causes[0].Text, 300)))
	}
	for _, l := range g.Letters {
		fmt.Fprintf(w, "  %s\n", describeLetter(l))
	}
	if more := g.Count - len(g.Letters); more > 0 {
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
