// Package docs holds the pages about Lazaret, and a test that runs the commands
// in them. Every block of commands says in its first line where it runs; what
// runs on the local stack is run there, and what it prints is compared.
package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// mark is where a block runs: its first line, after "# ", up to a colon.
type mark string

const (
	onLocalStack mark = "on the local stack" // run by the tests
	onAWS        mark = "on AWS"
	inCheckout   mark = "in a checkout" // make and what it built
	withDocker   mark = "with Docker"
	asRoot       mark = "with sudo" // changes the machine
)

var marks = map[mark]bool{onLocalStack: true, onAWS: true, inCheckout: true, withDocker: true, asRoot: true}

// block is one of commands. In a transcript each command follows "$ ", its further
// lines "> ", and its output comes after it; else all lines are commands.
type block struct {
	page       string
	line       int // of its first line, the mark
	mark       mark
	transcript bool
	lines      []string // after the mark
}

// shown are languages of blocks that hold no commands.
var shown = map[string]bool{"text": true, "json": true, "mermaid": true}

// fence begins or ends a block; inside lists it is indented.
var fence = regexp.MustCompile("^( *)```(.*)$")

// blocks are those of a page that hold commands. Its error names the line of a
// block without a language, or without a mark.
func blocks(page, text string) (found []block, err error) {
	var b *block
	language, indent := "", ""
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		where := fmt.Sprintf("%s:%d", page, i+1)
		switch {
		case b == nil && m == nil:
			if strings.HasPrefix(line, "    ") && regexp.MustCompile(`^    (make|aws|sam|lazaret|sudo) `).MatchString(line) {
				return nil, fmt.Errorf("%s: commands want a block between ``` and ```", where)
			}
		case b == nil:
			indent, language = m[1], m[2]
			if !shown[language] && language != "sh" && language != "console" {
				return nil, fmt.Errorf("%s: a block in the language %q: want sh (commands), console (commands and what they print), text, json or mermaid", where, language)
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
		return nil, fmt.Errorf("%s:%d: a block without an end", page, b.line-1)
	}
	return found, nil
}

func (b *block) takeMark() error {
	if len(b.lines) > 0 {
		text, _, _ := strings.Cut(strings.TrimPrefix(b.lines[0], "# "), ":")
		b.mark, b.lines = mark(text), b.lines[1:]
	}
	if !marks[b.mark] {
		return fmt.Errorf("%s:%d: a block of commands that does not say where it runs: want \"# on the local stack\", \"# on AWS\" or another mark of docs/blocks.go", b.page, b.line)
	}
	return nil
}

// step is a command of a block, and the lines that it is shown to print; nil where
// the block shows no output.
type step struct {
	command string
	output  []string
}

// steps are the commands of a transcript, or the whole of another block.
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

// differs are the parts of a line that no two runs have in common, and what stands
// for them. Counts stay as they are.
var differs = []struct{ part, is *regexp.Regexp }{
	{regexp.MustCompile(`…`), regexp.MustCompile(`.*`)},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), regexp.MustCompile(`[0-9a-f-]{36}`)},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), regexp.MustCompile(`[0-9a-f]{40}`)},
	{regexp.MustCompile(`\b[0-9A-Z]{26}\b`), regexp.MustCompile(`[0-9A-Z]{26}`)},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\b`), regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`)},
	{regexp.MustCompile(`\b\d+(\.\d+)?( ?m?s)\b`), regexp.MustCompile(`\d+(\.\d+)? ?m?s`)},
	{regexp.MustCompile(` +`), regexp.MustCompile(` +`)},
}

// like is a pattern of the lines that are as good as the one that a page shows.
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

// compare says what is wrong with what a command printed: a line that is shown and
// was not printed, or one that was and is not shown. A line "…" stands for any.
// Lines may come in another order, as messages of a queue do.
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
