package redrive

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Groups collects dead letters by their error. The zero Groups keeps every letter.
type Groups struct {
	MaxLetters int // that are kept of each error; 0 keeps all
	Count      int // of all letters

	byError map[string]*Group
}

// Group is the dead letters of one error.
type Group struct {
	Error   string
	Count   int
	Causes  []Cause   // the texts of the error, in the order in which they came; at most ten
	Oldest  time.Time // when the oldest was sent; zero if that is not known
	Newest  time.Time
	Letters []Letter // some or all
}

// Cause is a text of an error with the number of its letters. Texts that differ in nothing but the object that they
// name are one cause.
type Cause struct {
	Text  string // as it is in the first letter
	Count int

	about string // without the object
}

// maxCauses is how many causes of one error are told apart.
const maxCauses = 10

// Add adds a letter. Where not all letters are kept, they are kept without what is long.
func (g *Groups) Add(l Letter) {
	if g.byError == nil {
		g.byError = map[string]*Group{}
	}
	group := g.byError[l.Error]
	if group == nil {
		group = &Group{Error: l.Error}
		g.byError[l.Error] = group
	}
	g.Count++
	group.Count++
	group.addCause(l)
	if !l.Sent.IsZero() && (group.Oldest.IsZero() || l.Sent.Before(group.Oldest)) {
		group.Oldest = l.Sent
	}
	if l.Sent.After(group.Newest) {
		group.Newest = l.Sent
	}
	if g.MaxLetters == 0 || len(group.Letters) < g.MaxLetters {
		l.Cause, l.Body = "", "" // they may be long, and there may be many
		group.Letters = append(group.Letters, l)
	}
}

func (g *Group) addCause(l Letter) {
	if l.Cause == "" {
		return
	}
	about := l.Cause
	for _, o := range l.Objects {
		about = strings.NewReplacer(o.String(), "", o.Address(), "", o.Key, "").Replace(about)
	}
	i := slices.IndexFunc(g.Causes, func(c Cause) bool { return c.about == about })
	switch {
	case i >= 0:
		g.Causes[i].Count++
	case len(g.Causes) < maxCauses:
		g.Causes = append(g.Causes, Cause{Text: l.Cause, Count: 1, about: about})
	}
}

// Expires returns when SQS deletes the first letter of the group, and the zero time if that is not known.
func (g *Group) Expires() time.Time { return Letter{Sent: g.Oldest}.Expires() }

// Sorted returns the groups, the most frequent error first.
func (g *Groups) Sorted() []*Group {
	return slices.SortedFunc(maps.Values(g.byError), func(x, y *Group) int {
		return cmp.Or(y.Count-x.Count, cmp.Compare(x.Error, y.Error))
	})
}
