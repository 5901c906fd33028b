// Package docs tests the documents: that links lead somewhere, that every block of
// commands says in its first line where it runs, and that the blocks that run on
// the local stack print what the page shows.
package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// mark says where a block runs. It is the block's first line, after "# ", up to a colon.
type mark string

const (
	onLocalStack mark = "on the local stack" // run by the tests
	onAWS        mark = "on AWS"
	inCheckout   mark = "in a checkout" // make and the programs that it builds
	withDocker   mark = "with Docker"
	withSudo     mark = "with sudo" // changes the machine
)

var marks = map[mark]bool{onLocalStack: true, onAWS: true, inCheckout: true, withDocker: true, withSudo: true}

// block is a block of commands. In a transcript a command follows "$ ", its further
// lines follow "> ", and the lines after them are its output. In any other block all
// lines are commands.
type block struct {
	page       string
	line       int // the number of the line with the mark
	mark       mark
	transcript bool
	lines      []string // the lines after the mark
}

// shown lists the languages of blocks without commands.
var shown = map[string]bool{"text": true, "json": true, "mermaid": true}

var (
	// fence begins or ends a block. Inside a list it is indented.
	fence = regexp.MustCompile("^( *)```(.*)$")
	// indented is a command outside a block, which GitHub would show like one.
	indented = regexp.MustCompile(`^    (make|aws|sam|lazaret|sudo) `)
)

// blocks returns the blocks of commands of a page. Its error names the line of a
// block without a language or without a mark.
func blocks(page, text string) (found []block, err error) {
	var b *block
	language, indent := "", ""
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		where := fmt.Sprintf("%s:%d", page, i+1)
		switch {
		case b == nil && m == nil:
			if indented.MatchString(line) {
				return nil, fmt.Errorf("%s: got an indented command, want a block between ``` and ```", where)
			}
		case b == nil:
			indent, language = m[1], m[2]
			if !shown[language] && language != "sh" && language != "console" {
				return nil, fmt.Errorf("%s: got a block in the language %q, want sh (commands), "+
					"console (commands and what they print), text, json or mermaid", where, language)
			}
			b = &block{page: page, line: i + 2, transcript: language == "console"}
		case m == nil:
			b.lines = append(b.lines, strings.TrimPrefix(line, indent))
		default:
			if !shown[language] {
				if err := b.takeMark(); err != nil {
					return nil, err
				}
				found = append(found, *b)
			}
			b = nil
		}
	}
	if b != nil {
		return nil, fmt.Errorf("%s:%d: got a block without an end", page, b.line-1)
	}
	return found, nil
}

// takeMark takes the mark off the lines of the block.
func (b *block) takeMark() error {
	first := ""
	if len(b.lines) > 0 {
		first, b.lines = b.lines[0], b.lines[1:]
	}
	comment, isComment := strings.CutPrefix(first, "# ")
	text, _, _ := strings.Cut(comment, ":")
	if b.mark = mark(text); isComment && marks[b.mark] {
		return nil
	}
	return fmt.Errorf("%s:%d: got %q as the first line of a block of commands, want where it runs: "+
		"\"# on the local stack\", \"# on AWS\" or another mark of local/tests/docs/blocks_test.go", b.page, b.line, first)
}

// step is a command and the output that the page shows for it, which is nil where
// the page shows none.
type step struct {
	command string
	output  []string
}

// steps returns each command of a transcript, or the whole of another block as one.
func (b block) steps() (steps []step) {
	if !b.transcript {
		return []step{{command: strings.Join(b.lines, "\n")}}
	}
	for _, line := range b.lines {
		command, isCommand := strings.CutPrefix(line, "$ ")
		more, isMore := strings.CutPrefix(line, "> ")
		last := len(steps) - 1
		switch {
		case isCommand:
			steps = append(steps, step{command: command})
		case last < 0: // a comment
		case isMore && steps[last].output == nil:
			steps[last].command += "\n" + more
		default:
			steps[last].output = append(steps[last].output, line)
		}
	}
	return steps
}

// differs lists the parts of a line that differ between two runs, and the pattern
// that replaces each of them. Counts are compared as they are.
var differs = []struct{ part, is *regexp.Regexp }{
	{regexp.MustCompile(`…`), regexp.MustCompile(`.*`)},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), regexp.MustCompile(`[0-9a-f-]{36}`)},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), regexp.MustCompile(`[0-9a-f]{40}`)},
	{regexp.MustCompile(`\b[0-9A-Z]{26}\b`), regexp.MustCompile(`[0-9A-Z]{26}`)},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\b`), regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`)},
	{regexp.MustCompile(`\b\d+(\.\d+)?( ?m?s)\b`), regexp.MustCompile(`\d+(\.\d+)? ?m?s`)},
	{regexp.MustCompile(` +`), regexp.MustCompile(` +`)},
}

// like returns a pattern that matches the shown line as any run prints it.
func like(line string) *regexp.Regexp {
	line = strings.TrimSpace(line)
	pattern := ""
	for line != "" {
		at, end, is := len(line), len(line), ""
		for _, d := range differs {
			if m := d.part.FindStringIndex(line); m != nil && m[0] < at {
				at, end, is = m[0], m[1], d.is.String()
			}
		}
		pattern += regexp.QuoteMeta(line[:at]) + is
		line = line[end:]
	}
	return regexp.MustCompile(`^ *` + pattern + ` *$`)
}

// compare lists the lines that the page shows and the command did not print, and
// the reverse. A line "…" stands for any lines. The order may differ, because the
// order of a queue's messages does.
func compare(shown []string, printed string) (wrong []string) {
	rest := []string{}
	for line := range strings.Lines(printed) {
		if strings.TrimSpace(line) != "" {
			rest = append(rest, strings.TrimRight(line, "\n"))
		}
	}
	some := false
	for _, line := range shown {
		switch strings.TrimSpace(line) {
		case "":
			continue
		case "…":
			some = true
			continue
		}
		found := -1
		for i, got := range rest {
			if like(line).MatchString(got) {
				found = i
				break
			}
		}
		if found < 0 {
			wrong = append(wrong, "not printed: "+line)
			continue
		}
		rest = append(rest[:found], rest[found+1:]...)
	}
	if !some {
		for _, line := range rest {
			wrong = append(wrong, "not shown: "+line)
		}
	}
	return wrong
}
