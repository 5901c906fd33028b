package states

import (
	"fmt"
	"strings"
)

// intrinsic is one States.* function. most is -1 where any number of arguments
// is allowed.
type intrinsic struct {
	least, most int
	call        func(args []any) (any, error)
}

// compileIntrinsic compiles "States.Name(arguments)". Names and numbers of
// arguments are checked here, values when the function is called.
func compileIntrinsic(text string) (expression, error) {
	p := &intrinsicParser{text: text}
	e, err := p.call()
	if err != nil {
		return nil, fmt.Errorf("parse intrinsic function %q: %w", text, err)
	}
	if p.space(); p.rest() != "" {
		return nil, fmt.Errorf("parse intrinsic function %q: unexpected %q", text, p.rest())
	}
	return e, nil
}

type intrinsicParser struct {
	text string
	at   int
}

func (p *intrinsicParser) rest() string { return p.text[p.at:] }

func (p *intrinsicParser) space() {
	p.at += len(p.rest()) - len(strings.TrimLeft(p.rest(), " \t\n"))
}

func (p *intrinsicParser) accept(c byte) bool {
	p.space()
	if strings.HasPrefix(p.rest(), string(c)) {
		p.at++
		return true
	}
	return false
}

func (p *intrinsicParser) call() (expression, error) {
	p.space()
	start := p.at
	end := strings.IndexByte(p.rest(), '(')
	if end < 0 {
		return nil, fmt.Errorf("%q is neither a path nor a function call", p.rest())
	}
	name := strings.TrimSpace(p.text[start : start+end])
	function, ok := intrinsics[name]
	if !ok {
		return nil, fmt.Errorf("function %q is unknown", name)
	}
	p.at += end + 1
	var args []expression
	for !p.accept(')') {
		if len(args) > 0 && !p.accept(',') {
			return nil, fmt.Errorf("%q where , or ) is expected", p.rest())
		}
		arg, err := p.argument()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	if len(args) < function.least || function.most >= 0 && len(args) > function.most {
		return nil, fmt.Errorf("%s has %d arguments", name, len(args))
	}
	source := p.text[start:p.at]
	return func(sc *scope) (any, error) {
		values, err := evaluateAll(args, sc)
		if err != nil {
			return nil, err
		}
		v, err := function.call(values)
		if err != nil {
			return nil, fail(errIntrinsic, "The function '%s' had the following error: %v", source, err)
		}
		return v, nil
	}, nil
}

func (p *intrinsicParser) argument() (expression, error) {
	p.space()
	switch rest := p.rest(); {
	case strings.HasPrefix(rest, "'"):
		return p.literal()
	case strings.HasPrefix(rest, "States."):
		return p.call()
	case strings.HasPrefix(rest, "$"):
		text := p.bare()
		return compileExpression(text, text)
	}
	text := p.bare()
	v, err := decode([]byte(text))
	switch v.(type) {
	case nil, bool, int64, float64:
	default:
		err = fmt.Errorf("it is not a literal")
	}
	if err != nil {
		return nil, fmt.Errorf("argument %q: %w", text, err)
	}
	return func(*scope) (any, error) { return v, nil }, nil
}

// literal reads a string in single quotes. \' and \\ are unescaped; \{ and \}
// stay escaped, because only States.Format gives braces a meaning.
func (p *intrinsicParser) literal() (expression, error) {
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case '\'':
			p.at = i + 1
			v := b.String()
			return func(*scope) (any, error) { return v, nil }, nil
		case '\\':
			i++
			if i == len(p.text) {
				return nil, fmt.Errorf("string is not closed")
			}
			if p.text[i] != '\'' && p.text[i] != '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, fmt.Errorf("string is not closed")
}

// bare reads a path or a number: up to a comma or parenthesis that is not inside
// the path's own brackets, parentheses or quotes.
func (p *intrinsicParser) bare() string {
	start, depth := p.at, 0
	var quote byte
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[' || c == '(':
			depth++
		case depth > 0 && (c == ']' || c == ')'):
			depth--
		case depth == 0 && (c == ',' || c == ')'):
			return strings.TrimSpace(p.text[start:p.at])
		}
	}
	return strings.TrimSpace(p.text[start:])
}
