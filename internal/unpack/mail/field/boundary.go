package field

import (
	"bytes"
	"io"
	"mime"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

// parameter matches the name of the parameter up to its value: the number of a piece,
// the star of a value with percent signs (RFC 2231, 3 and 4), and comments.
var parameter = regexp.MustCompile(`(?i)boundary\s*(?:\*\s*([0-9]*))?\s*(\*?)\s*` +
	`(?:\([^()]*\)\s*)*=\s*(?:\([^()]*\)\s*)*`)

const (
	// MaxBoundary is how many bytes a boundary may have. RFC 2046, 5.1.1, allows 70.
	MaxBoundary = 1000
	// maxParameters is how many parameters of one field are read.
	maxParameters = 64
)

// Boundaries returns every text that a reader may take for the boundary that a field
// names. field has its line breaks.
func Boundaries(field []byte) []string {
	found := map[string]bool{}
	for _, text := range unfolded(field) {
		texts := []string{text}
		if strings.Contains(text, "=?") {
			words := mime.WordDecoder{CharsetReader: func(_ string, in io.Reader) (io.Reader, error) { return in, nil }}
			if plain, err := words.DecodeHeader(text); err == nil {
				texts = append(texts, plain)
			}
		}
		for _, text := range texts {
			addAll(found, text)
		}
	}
	return keys(found)
}

// keys returns the texts that are in a set, sorted.
func keys(set map[string]bool) []string {
	var out []string
	for text, ok := range set {
		if ok {
			out = append(out, text)
		}
	}
	slices.Sort(out) // so that a file is always read in the same way
	return out
}

var folds = regexp.MustCompile(`[ \t]*[\r\n]+[ \t]*`)

// unfolded returns a field on one line, in each way in which readers join lines and
// handle zeros.
func unfolded(field []byte) []string {
	field = bytes.TrimRight(field, "\r\n")
	out := []string{string(field)}
	if bytes.ContainsAny(field, "\r\n") {
		straight := strings.NewReplacer("\r", "", "\n", "").Replace(string(field))
		out = []string{straight, folds.ReplaceAllString(string(field), " "), folds.ReplaceAllString(string(field), "")}
	}
	for _, text := range out {
		if strings.Contains(text, "\x00") {
			out = append(out, strings.ReplaceAll(text, "\x00", ""), strings.ReplaceAll(text, "\x00", " "))
		}
	}
	return out
}

// addAll adds the readings of each parameter in a field, and of its pieces together. An
// empty boundary counts only where the field has it.
func addAll(found map[string]bool, text string) {
	decoded, plain := pieces{}, pieces{}
	for _, m := range parameter.FindAllStringSubmatchIndex(text, maxParameters) {
		values := readings(text[m[1]:])
		found[""] = found[""] || empty.MatchString(text[m[1]:])
		for _, value := range values {
			add(found, value)
			add(found, percentDecoded(value))
		}
		const number = 2 // index of the group in parameter
		if m[number] < 0 || len(values) == 0 {
			continue
		}
		n, _ := strconv.Atoi(text[m[number]:m[number+1]])
		decoded.add(n, percentDecoded(values[0]))
		plain.add(n, values[0])
	}
	for _, p := range []pieces{decoded, plain} {
		for _, value := range p.joined() {
			add(found, value)
		}
	}
}

// pieces are the pieces of a value (RFC 2231, 3).
type pieces struct {
	count    int
	numbers  []int            // in the order of the field, each once
	byNumber map[int][]string // a number may occur more than once
}

func (p *pieces) add(number int, value string) {
	if p.byNumber == nil {
		p.byNumber = map[int][]string{}
	}
	if _, known := p.byNumber[number]; !known {
		p.numbers = append(p.numbers, number)
	}
	p.count++
	p.byNumber[number] = append(p.byNumber[number], value)
}

// joined returns the pieces together: as they are written, in the order of their
// numbers with the first and with the last piece of each number, and up to the first
// number that is missing. It returns nothing for a single piece.
func (p *pieces) joined() []string {
	if p.count < 2 {
		return nil
	}
	var asWritten, first, last, gapless string
	for _, n := range p.numbers {
		asWritten += strings.Join(p.byNumber[n], "")
	}
	for i, n := range slices.Sorted(slices.Values(p.numbers)) {
		values := p.byNumber[n]
		first, last = first+values[0], last+values[len(values)-1]
		if i == n {
			gapless = first
		}
	}
	return []string{asWritten, first, last, gapless}
}

var empty = regexp.MustCompile(`^(?:""|\'\'|[ \t]*(?:;|$))`)

// add adds a value with the white space at its ends and without.
func add(found map[string]bool, value string) {
	if len(value) > MaxBoundary {
		return
	}
	for _, v := range []string{value, strings.TrimSpace(value), strings.TrimRight(value, " \t")} {
		if v != "" {
			found[v] = true
		}
	}
}

// readings returns the value at the beginning of text, with and without quotes, and up
// to each character that ends it for some reader. The first is the value by the
// standard.
func readings(text string) []string {
	text = text[:min(len(text), 2*MaxBoundary)]
	var out []string
	cut := func(ends string) {
		value := text
		if i := strings.IndexAny(text, ends); i >= 0 {
			value = text[:i]
		}
		out = append(out, value)
	}
	for _, quote := range []byte{'"', '\''} {
		if !strings.HasPrefix(text, string(quote)) {
			continue
		}
		inner := text[1:]
		out = append(out, unquoted(inner, quote)...)
		for _, ends := range []string{string(quote), ";", "; \t", "\"'"} {
			value := inner
			if i := strings.IndexAny(inner, ends); i >= 0 {
				value = inner[:i]
			}
			out = append(out, value)
		}
		out = append(out, strings.TrimSuffix(strings.TrimRight(inner, "; \t"), string(quote)), inner)
	}
	for _, ends := range []string{"; \t(", "; \t", ";", "\"; \t", " \t", ",; \t", "()<>@,;:\\\"/[]?= \t", "(", ""} {
		cut(ends)
	}
	out = append(out, strings.NewReplacer("\"", "", "'", "", ";", "").Replace(text), uncommented(text))
	return out
}

// unquoted returns a quoted text up to its closing quote, first without the backslashes
// of quoted pairs (RFC 5322, 3.2.1), and then with them.
func unquoted(inner string, quote byte) []string {
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == quote {
			return []string{b.String(), inner[:i]}
		}
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b.WriteByte(inner[i])
	}
	return []string{b.String()}
}

var comment = regexp.MustCompile(`\([^()]*\)`)

// uncommented returns a value without quotes and comments.
func uncommented(text string) string {
	text = comment.ReplaceAllString(text, "")
	if i := strings.IndexAny(text, "; \t"); i >= 0 {
		text = text[:i]
	}
	return strings.Trim(text, `"`)
}

// percentDecoded decodes the percent signs of a value, and removes the character set
// and the language in front of it (RFC 2231, 4).
func percentDecoded(value string) string {
	if parts := strings.SplitN(value, "'", 3); len(parts) == 3 {
		value = parts[2]
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c, ok := hexdigit.Pair([]byte(value[i+1 : min(len(value), i+3)]))
		if value[i] != '%' || !ok {
			b.WriteByte(value[i])
			continue
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String()
}
