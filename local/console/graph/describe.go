package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/console/view"
)

// Describe returns what a drawing of the machine shows, in sentences, for those who cannot see it.
func Describe(m Machine) string {
	sentences := []string{fmt.Sprintf("The machine starts with %s.", view.Plain(m.StartAt))}
	for _, s := range m.States {
		var next, caught []string
		for _, e := range s.edges() {
			if e.caught {
				caught = append(caught, view.Plain(e.to))
			} else {
				next = append(next, view.Plain(e.to))
			}
		}
		name := view.Plain(s.Name)
		switch {
		case s.End:
			sentences = append(sentences, name+" ends it.")
		case len(next) > 0:
			sentences = append(sentences, fmt.Sprintf("%s leads to %s.", name, list(next)))
		}
		if len(caught) > 0 {
			sentences = append(sentences, fmt.Sprintf("After an error %s leads to %s.", name, list(caught)))
		}
		for _, inner := range s.Inner {
			within := strings.ReplaceAll(Describe(inner), "The machine starts", "A part starts")
			sentences = append(sentences, fmt.Sprintf("%s has states within it. %s", name, within))
		}
	}
	return strings.Join(sentences, " ")
}

// list joins names: "A, B or C".
func list(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(slices.Clone(names[:last]), ", ") + " or " + names[last]
}
