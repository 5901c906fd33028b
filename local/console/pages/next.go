package pages

import "strings"

// next is what to do first, with the page of the console that does the same as the command.
type next struct {
	Text       string
	Command    bool   // Text is a command
	Path, Name string // of the page; may be empty
}

// commandPages are the pages in place of commands, by how the commands begin. The first that fits counts.
var commandPages = []struct{ command, path, name string }{
	{"lazaret dead-letters", "/dead-letters", "Dead letters"},
	{"lazaret redrive", "/dead-letters", "Dead letters"},
	{"lazaret definitions", "/definitions", "Definitions"},
	{"lazaret release", "/quarantine", "Quarantine"},
}

// nextOf finds the page for what `lazaret status` says is to be done.
func nextOf(text string) next {
	n := next{Text: text, Command: strings.HasPrefix(text, "lazaret ")}
	for _, p := range commandPages {
		if strings.HasPrefix(text, p.command) {
			n.Path, n.Name = p.path, p.name
			break
		}
	}
	return n
}
