package graph

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/console/graph/layered"
	"github.com/lazaret/lazaret/local/console/view"
)

// Status is what happened to a state, or is happening. The zero Status is Idle.
type Status string

// The states of a state.
const (
	Idle      Status = "" // it was not entered
	Running   Status = "running"
	Retrying  Status = "retrying" // it runs, and failed before
	Succeeded Status = "succeeded"
	Retried   Status = "retried" // it succeeded, and failed before
	Caught    Status = "caught"  // it failed, and a Catch led on
	Failed    Status = "failed"
	Stopped   Status = "stopped" // the execution ended while it ran
)

// Mark is what a drawing shows about an execution in a state.
type Mark struct {
	Status Status
	Note   string // a few words beside the status, such as a duration
}

// Way is a step from one state to another. Caught says that a Catch led there.
type Way struct {
	From, To string
	Caught   bool
}

// Look is what a drawing shows beside the machine. The zero Look shows the machine alone.
type Look struct {
	ID          string // begins the ids in the SVG, which have to be unique in a page
	Title       string // a name for the drawing, for those who cannot see it
	Description string // what it shows, for the same
	States      map[string]Mark
	Taken       map[Way]bool
	Executed    bool                      // an execution is shown: what it did not enter is dimmed
	Chosen      string                    // state that is shown as chosen
	Link        func(state string) string // URL for each state; nil makes no links
}

//go:embed graph.svg
var pictureText string

var picture = template.Must(template.New("graph").Parse(pictureText))

// Style is the style sheet for the drawings' classes, in light and dark.
//
//go:embed graph.css
var Style string

// Drawing is a machine whose states have places, to be shown in any Look. It may be used concurrently.
type Drawing struct{ top placed }

// New places the states of a machine.
func New(m Machine) Drawing { return Drawing{measure(m)} }

// Width is the width of the drawing, in CSS pixels.
func (d Drawing) Width() float64 { return d.top.Width + 2*margin }

// Inline returns the drawing as an svg element for a page that has Style.
func (d Drawing) Inline(l Look) (template.HTML, error) {
	text, err := d.render(l, "")
	return template.HTML(text), err
}

// File returns the drawing as an SVG file of its own.
func (d Drawing) File(l Look) ([]byte, error) {
	text, err := d.render(l, template.CSS("\n"+Style))
	return []byte(text), err
}

func (d Drawing) render(l Look, style template.CSS) (string, error) {
	p := page{Look: l, Style: style, ID: cmp.Or(l.ID, "machine")}
	p.draw(d.top, margin, margin)
	p.Width, p.Height = d.Width(), d.top.Height+2*margin
	var b bytes.Buffer
	if err := picture.Execute(&b, p); err != nil {
		return "", fmt.Errorf("draw the state machine: %w", err)
	}
	return b.String(), nil
}

// page is what the template shows. All coordinates are the SVG's.
type page struct {
	Look
	ID            string
	Style         template.CSS
	Width, Height float64
	Starts        []point
	links         int
	Ways          []way
	Groups, Boxes []box // those with states within them, which are behind the ways, and all others
}

type point struct{ X, Y float64 }

// way is an edge.
type way struct {
	From, To, Class, Title string
	Lines                  []string // paths
	Heads                  []string
	Label                  []line
}

// box is a state.
type box struct {
	layered.Rect
	ID, Name, Class, Title, Link string
	Group                        bool   // it has states within it
	Shape                        string // path
	Icon                         string // path in a square of 16
	IconX, IconY                 float64
	Lines                        []line // the name
	Kind                         line   // and the status
	End                          *point
	Badge                        *badge
}

type line struct {
	X, Y float64
	Text string
}

type badge struct {
	point
	Status Status
	Icon   string // path around 0, 0
}

// The sizes of what is drawn.
const (
	margin     = 16
	nameSize   = 13
	smallSize  = 11
	lineHeight = 15
	boxHeight  = 46
	textLeft   = 42 // of a box: the icon's place
	textRight  = 16
	textLeast  = 112 // room for a status with a duration
	textMost   = 190
	labelMost  = 116
	labelLine  = 13
	startSize  = 16
	groupPad   = 20
)

// placed is a machine whose states have places.
type placed struct {
	machine Machine
	layered.Drawing
	edges []placedEdge // by route; the first leads from the start
	inner [][]placed   // by state
}

type placedEdge struct {
	from State
	edge
	label []string
}

// measure places a machine's states, after those within them.
func measure(m Machine) placed {
	p := placed{machine: m, inner: make([][]placed, len(m.States))}
	g := layered.Graph{Nodes: []layered.Size{{Width: startSize, Height: startSize}}}
	index := map[string]int{}
	for i, s := range m.States {
		index[s.Name] = i + 1
		for _, inner := range s.Inner {
			p.inner[i] = append(p.inner[i], measure(inner))
		}
		g.Nodes = append(g.Nodes, size(s, p.inner[i]))
	}
	g.Edges = append(g.Edges, layered.Edge{From: 0, To: index[m.StartAt], Main: true})
	p.edges = append(p.edges, placedEdge{edge: edge{to: m.StartAt}})
	for i, s := range m.States {
		for _, e := range s.edges() {
			placed := placedEdge{from: s, edge: e}
			add := layered.Edge{From: i + 1, To: index[e.to], Weak: e.caught, Main: s.Next != "" && !e.caught}
			if e.label != "" {
				placed.label = wrap(e.label, smallSize, labelMost, 3)
				for _, text := range placed.label {
					add.Label.Width = max(add.Label.Width, textWidth(text, smallSize)+8)
				}
				add.Label.Height = float64(labelLine*len(placed.label)) + 6
			}
			p.edges = append(p.edges, placed)
			g.Edges = append(g.Edges, add)
		}
	}
	p.Drawing = layered.Place(g)
	return p
}

// nameLines returns the name of a state as it is shown.
func nameLines(s State) []string {
	name := strings.Join(strings.Fields(view.Plain(s.Name)), " ")
	if textWidth(name, nameSize) <= textMost {
		return []string{name}
	}
	return wrap(name, nameSize, textMost, 2)
}

// size returns the size of a state's box.
func size(s State, inner []placed) layered.Size {
	width := max(textLeast, textWidth(s.Kind(), smallSize))
	lines := nameLines(s)
	for _, text := range lines {
		width = max(width, textWidth(text, nameSize))
	}
	size := layered.Size{
		Width: textLeft + min(textMost, width) + textRight, Height: boxHeight + float64(lineHeight*(len(lines)-1)),
	}
	size.Width = 2 * float64(int(size.Width/2)+1) // an even number, so that its middle is a whole one
	if len(inner) == 0 {
		return size
	}
	within := layered.Size{Width: groupPad}
	for _, p := range inner {
		within.Width += p.Width + groupPad
		within.Height = max(within.Height, p.Height)
	}
	size.Height += within.Height + groupPad
	size.Width = max(size.Width, 2*float64(int(within.Width/2)+1))
	return size
}

// draw adds what is drawn of a machine at a place.
func (p *page) draw(m placed, x, y float64) {
	start := m.Nodes[0]
	p.Starts = append(p.Starts, point{x + start.X + start.Width/2, y + start.Y + start.Height/2})
	for i, s := range m.machine.States {
		r := m.Nodes[i+1]
		r.X, r.Y = r.X+x, r.Y+y
		if b := p.box(s, r); b.Group {
			p.Groups = append(p.Groups, b)
		} else {
			p.Boxes = append(p.Boxes, b)
		}
		for j, at := range innerPlaces(r, m.inner[i]) {
			p.draw(m.inner[i][j], at.X, at.Y)
		}
	}
	p.ways(m, x, y)
}

// innerPlaces returns where the machines within a state are: side by side at the bottom of its box.
func innerPlaces(r layered.Rect, inner []placed) (all []layered.Rect) {
	width, height := float64(groupPad*(len(inner)-1)), 0.0
	for _, m := range inner {
		width += m.Width
		height = max(height, m.Height)
	}
	left := math.Round(r.X + (r.Width-width)/2)
	for _, m := range inner {
		all = append(all, layered.Rect{X: left, Y: r.Y + r.Height - groupPad - height, Width: m.Width, Height: m.Height})
		left += m.Width + groupPad
	}
	return all
}

// statusWords are how a drawing names a status.
var statusWords = map[Status]string{
	Running: "Running", Retrying: "Retrying", Succeeded: "Succeeded", Retried: "Succeeded", Caught: "Caught",
	Failed: "Failed", Stopped: "Stopped",
}

// text returns what stands below a state's name. Beside the sign of success the word would say nothing more.
func (m Mark) text() string {
	note := view.Plain(m.Note)
	switch {
	case note == "":
		return m.Status.Word()
	case m.Status == Succeeded, m.Status == Retried:
		return note
	}
	return m.Status.Word() + " · " + note
}

// Word returns the status in a word.
func (s Status) Word() string { return cmp.Or(statusWords[s], "Not entered") }

func (p *page) box(s State, r layered.Rect) box {
	mark := p.States[s.Name]
	classes := []string{"graph-state", "graph-" + strings.Join(strings.Fields(strings.ToLower(s.Type)), "-")}
	kind, title := s.Kind(), view.Plain(s.Name)+": "+s.Kind()
	if s.Comment != "" {
		title += "\n" + view.Plain(s.Comment)
	}
	b := box{Rect: r, Name: view.Plain(s.Name), Icon: icon(s), Group: len(s.Inner) > 0, Shape: shape(s, r)}
	switch {
	case mark.Status != Idle:
		classes = append(classes, "is-"+string(mark.Status))
		kind = mark.text()
		title += "\n" + mark.Status.Word()
		if mark.Note != "" {
			title += ", " + view.Plain(mark.Note)
		}
		b.Badge = &badge{point{r.X + r.Width - 12, r.Y}, mark.Status, statusIcons[mark.Status]}
	case p.Executed:
		classes = append(classes, "is-idle")
		title += "\n" + Idle.Word()
	}
	if s.Name == p.Chosen {
		classes = append(classes, "is-chosen")
	}
	if p.Link != nil {
		p.links++
		b.ID, b.Link = fmt.Sprintf("%s-link-%d", p.ID, p.links), p.Link(s.Name)
	}
	lines := nameLines(s)
	text := float64(lineHeight*len(lines)) + labelLine + 2
	y := r.Y + (boxHeight-lineHeight+float64(lineHeight*len(lines))-text)/2
	b.IconX, b.IconY = r.X+12, y+text/2-11
	for i, name := range lines {
		b.Lines = append(b.Lines, line{r.X + textLeft, y + 12 + float64(i*lineHeight), name})
	}
	room := r.Width - textLeft - textRight/2
	b.Kind = line{r.X + textLeft, y + text - 3, shorten(kind, smallSize, room)}
	if s.End && s.Type != "Succeed" && s.Type != "Fail" {
		b.End = &point{r.X + r.Width/2, r.Y + r.Height}
	}
	b.Class, b.Title = strings.Join(classes, " "), title
	return b
}

// drawn are the lines and the heads of arrows that were drawn already, by the steps that they join.
type drawn struct {
	lines map[[2]int]bool
	heads map[int]bool
}

// ways adds the edges of a machine. Lines that edges share are drawn once: as a part of one that was taken, if any was.
func (p *page) ways(m placed, x, y float64) {
	d := drawn{lines: map[[2]int]bool{}, heads: map[int]bool{}}
	ways := make([]way, len(m.edges))
	taken := func(e placedEdge) bool { return p.Taken[Way{e.from.Name, e.to, e.caught}] }
	for _, first := range []bool{true, false} {
		for i, e := range m.edges {
			if taken(e) == first {
				ways[i] = p.way(e, m.Routes[i], first, x, y, &d)
			}
		}
	}
	for _, first := range []bool{false, true} { // those that were taken are on top
		for i, e := range m.edges {
			if taken(e) == first {
				p.Ways = append(p.Ways, ways[i])
			}
		}
	}
}

func (p *page) way(e placedEdge, r layered.Route, taken bool, x, y float64, drawn *drawn) way {
	w := way{From: view.Plain(e.from.Name), To: view.Plain(e.to), Class: "graph-way"}
	if e.caught {
		w.Class += " is-catch"
	}
	switch {
	case taken, p.Executed && e.from.Name == "":
		w.Class += " is-taken"
	case p.Executed:
		w.Class += " is-idle"
	}
	switch {
	case e.from.Name == "":
		w.Title = "Start with " + w.To
	case e.caught:
		w.Title = w.From + " to " + w.To + " after " + e.full
	case e.full != "":
		w.Title = w.From + " to " + w.To + ": " + e.full
	default:
		w.Title = w.From + " to " + w.To
	}
	if r.Loop.Width > 0 {
		right, top, bottom := x+r.Loop.X, y+r.Loop.Y, y+r.Loop.Y+r.Loop.Height
		out := right + r.Loop.Width
		w.Lines = []string{
			fmt.Sprintf("M%g %gC%g %g %g %g %g %g", right, top, out+6, top-8, out+6, bottom+8, right+5, bottom),
		}
		w.Heads = []string{fmt.Sprintf("M%g %gl8 -4v8Z", right, bottom)}
	}
	steps := slices.Clone(r.Steps)
	for i := range steps {
		steps[i].X, steps[i].From, steps[i].To = steps[i].X+x, steps[i].From+y, steps[i].To+y
	}
	for i := 1; i < len(steps); i++ {
		from, to := steps[i-1], steps[i]
		last := i == len(steps)-1
		if last && !drawn.heads[to.ID] {
			drawn.heads[to.ID] = true
			w.Heads = append(w.Heads, head(to, to.To > steps[0].From))
		}
		if key := [2]int{from.ID, to.ID}; !drawn.lines[key] {
			drawn.lines[key] = true
			w.Lines = append(w.Lines, curve(from, to, i == 1, last))
		}
	}
	for i, text := range e.label {
		middle := r.Label.X + r.Label.Width/2
		top := r.Label.Y + (r.Label.Height-float64(labelLine*len(e.label)))/2
		w.Label = append(w.Label, line{x + middle, y + top + 10 + float64(i*labelLine), text})
	}
	return w
}

// headLength is how long an arrow's head is.
const headLength = 7

// head returns the head of an arrow that ends with a step, and leads down or up.
func head(to layered.Step, down bool) string {
	back := headLength
	if down {
		back = -headLength
	}
	return fmt.Sprintf("M%g %gl-4 %dh8Z", to.X, to.To, back)
}

// curve returns the line between two steps and through the second one, unless a label covers that. It begins with the
// first step if that is where the way begins, and ends in front of an arrow's head.
func curve(from, to layered.Step, first, last bool) string {
	path := fmt.Sprintf("M%g %g", from.X, from.To)
	if first && from.From != from.To {
		path = fmt.Sprintf("M%g %gV%g", from.X, from.From, from.To)
	}
	before := 0.0
	if last {
		before = headLength - 1
		if from.To > to.From {
			before = -before
		}
	}
	end := to.From
	if to.From == to.To {
		end -= before
	}
	if from.X == to.X {
		path += fmt.Sprintf("V%g", end)
	} else {
		middle := (from.To + end) / 2
		path += fmt.Sprintf("C%g %g %g %g %g %g", from.X, middle, to.X, middle, to.X, end)
	}
	if !to.Label && to.From != to.To {
		path += fmt.Sprintf("V%g", to.To-before)
	}
	return path
}
