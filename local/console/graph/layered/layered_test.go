package layered

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// box is the size of the nodes in these tests.
var box = Size{160, 46}

// graphOf returns a graph of equal nodes with edges given as pairs.
func graphOf(nodes int, edges ...[2]int) Graph {
	g := Graph{}
	for range nodes {
		g.Nodes = append(g.Nodes, box)
	}
	for _, e := range edges {
		g.Edges = append(g.Edges, Edge{From: e[0], To: e[1]})
	}
	return g
}

// random returns a graph whose nodes can be reached from the first one, with edges in all directions.
func random(nodes, edges int, seed uint64) Graph {
	r := rand.New(rand.NewPCG(seed, 1))
	g := Graph{Nodes: []Size{{16, 16}}}
	for n := 1; n < nodes; n++ {
		g.Nodes = append(g.Nodes, Size{100 + float64(2*r.IntN(60)), 46 + float64(15*r.IntN(2))})
		g.Edges = append(g.Edges, Edge{From: max(0, n-1-r.IntN(4)), To: n, Main: r.IntN(3) == 0})
	}
	for len(g.Edges) < edges {
		e := Edge{From: r.IntN(nodes), To: r.IntN(nodes), Weak: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			e.Label = Size{30 + float64(r.IntN(90)), 19}
		}
		g.Edges = append(g.Edges, e)
	}
	return g
}

func graphs() map[string]Graph {
	labelled := graphOf(4, [2]int{0, 1}, [2]int{0, 2}, [2]int{1, 3}, [2]int{2, 3}, [2]int{3, 0})
	for i := range labelled.Edges {
		labelled.Edges[i].Label = Size{100, 32}
	}
	all := map[string]Graph{
		"one node":              graphOf(1),
		"a chain":               graphOf(3, [2]int{0, 1}, [2]int{1, 2}),
		"branches with labels":  labelled,
		"a long edge":           graphOf(4, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{0, 3}),
		"two nodes in a circle": graphOf(2, [2]int{0, 1}, [2]int{1, 0}),
		"a node out of reach":   graphOf(3, [2]int{0, 1}, [2]int{2, 1}),
		"edges twice":           graphOf(2, [2]int{0, 1}, [2]int{0, 1}),
		"a loop": {
			Nodes: []Size{box, box, box},
			Edges: []Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 1, Label: Size{80, 19}}},
		},
	}
	for seed := range uint64(12) {
		all[fmt.Sprintf("random %d", seed)] = random(10+int(seed)*3, 20+int(seed)*7, seed)
	}
	return all
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for name, g := range graphs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Place(g)
			if again := Place(g); !reflect.DeepEqual(d, again) {
				t.Error("got another drawing of the same graph, want the same one")
			}
			check(t, g, d)
		})
	}
}

// check fails the test if a drawing is not right: something overlaps, is outside, or a way is broken.
func check(t *testing.T, g Graph, d Drawing) {
	t.Helper()
	things, names := []Rect{}, []string{}
	for n, r := range d.Nodes {
		if r.Width != g.Nodes[n].Width || r.Height != g.Nodes[n].Height {
			t.Errorf("node %d: got the size %gx%g, want %gx%g", n, r.Width, r.Height, g.Nodes[n].Width, g.Nodes[n].Height)
		}
		things, names = append(things, r), append(names, fmt.Sprint("node ", n))
	}
	for i, e := range g.Edges {
		if e.Label.Width > 0 {
			if d.Routes[i].Label.Width != e.Label.Width {
				t.Errorf("label of edge %d: got the width %g, want %g", i, d.Routes[i].Label.Width, e.Label.Width)
			}
			things, names = append(things, d.Routes[i].Label), append(names, fmt.Sprint("label of edge ", i))
		}
	}
	for i, a := range things {
		if a.X < 0 || a.Y < 0 || a.X+a.Width > d.Width || a.Y+a.Height > d.Height {
			t.Errorf("%s: got %v, want it within %v", names[i], a, d.Size)
		}
		for j, b := range things[:i] {
			if overlap(a, b) {
				t.Errorf("%s at %v overlaps %s at %v", names[i], a, names[j], b)
			}
		}
	}
	for i, e := range g.Edges {
		checkRoute(t, fmt.Sprintf("edge %d from %d to %d", i, e.From, e.To), e, d.Routes[i], d)
	}
}

func overlap(a, b Rect) bool {
	return a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height
}

// checkRoute follows a way from its node to the other. On the way it must touch no node.
func checkRoute(t *testing.T, name string, e Edge, r Route, d Drawing) {
	t.Helper()
	if e.From == e.To {
		node := d.Nodes[e.From]
		if r.Loop.X != node.X+node.Width || r.Loop.Width <= 0 || len(r.Steps) > 0 {
			t.Errorf("%s: got the loop %v and %d steps, want a loop on the right of %v", name, r.Loop, len(r.Steps), node)
		}
		return
	}
	if len(r.Steps) < 3 {
		t.Fatalf("%s: got %d steps, want 3 at least", name, len(r.Steps))
	}
	first, last := r.Steps[0], r.Steps[len(r.Steps)-1]
	for _, end := range []struct {
		x, y float64
		node Rect
	}{{first.X, first.From, d.Nodes[e.From]}, {last.X, last.To, d.Nodes[e.To]}} {
		atSide := end.y == end.node.Y || end.y == end.node.Y+end.node.Height
		if !atSide || end.x < end.node.X || end.x > end.node.X+end.node.Width {
			t.Errorf("%s: got an end at %g, %g, want it on a side of %v", name, end.x, end.y, end.node)
		}
	}
	down := first.To < last.From
	for i := 1; i < len(r.Steps); i++ {
		from, to := r.Steps[i-1], r.Steps[i]
		if down != (from.To < to.From) {
			t.Errorf("%s: turns back between %v and %v", name, from, to)
		}
		// The curve between them is a cubic one with upright ends, which stays within their rectangle.
		top, bottom := min(from.To, to.From), max(from.To, to.From)
		left, right := min(from.X, to.X), max(from.X, to.X)
		for n, node := range d.Nodes {
			if overlap(Rect{left, top, right - left, bottom - top}, node) {
				t.Errorf("%s: its line from %v to %v may pass over node %d at %v", name, from, to, n, node)
			}
			upright := Rect{to.X - 1, min(to.From, to.To), 2, max(to.From, to.To) - min(to.From, to.To)}
			if overlap(upright, node) {
				t.Errorf("%s: passes over node %d at %v", name, n, node)
			}
		}
	}
}

// TestMainEdgesAreStraight holds that a chain of main edges is one straight line, whatever branches off.
func TestMainEdgesAreStraight(t *testing.T) {
	t.Parallel()
	g := graphOf(6, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{0, 4}, [2]int{1, 5}, [2]int{0, 5})
	for i := range 3 {
		g.Edges[i].Main = true
	}
	d := Place(g)
	for n := range 4 {
		if d.Nodes[n].X != d.Nodes[0].X {
			t.Errorf("node %d: got x %g, want %g", n, d.Nodes[n].X, d.Nodes[0].X)
		}
	}
}

// TestEdgesLeadDownwards holds that only edges that close a circle lead upwards.
func TestEdgesLeadDownwards(t *testing.T) {
	t.Parallel()
	g := graphOf(4, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 1}, [2]int{2, 3}, [2]int{0, 3})
	d := Place(g)
	for i, e := range g.Edges {
		upwards := d.Nodes[e.From].Y > d.Nodes[e.To].Y
		if want := i == 2; upwards != want {
			t.Errorf("edge from %d to %d: got upwards %t, want %t", e.From, e.To, upwards, want)
		}
	}
}

// TestFewCrossings holds that a graph that can be drawn without crossings is.
func TestFewCrossings(t *testing.T) {
	t.Parallel()
	g := graphOf(7, [2]int{0, 2}, [2]int{0, 1}, [2]int{1, 5}, [2]int{2, 3}, [2]int{2, 4}, [2]int{4, 6}, [2]int{5, 6})
	l := &layout{graph: g}
	l.turn()
	l.rank()
	l.split()
	l.order()
	if n := l.crossings(); n != 0 {
		t.Errorf("got crossings of the weight %g, want none", n)
	}
}

func TestEdgesToOneNodeShareTheirWay(t *testing.T) {
	t.Parallel()
	g := graphOf(5, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{0, 4}, [2]int{1, 4})
	d := Place(g)
	last := func(edge int) Step { return d.Routes[edge].Steps[len(d.Routes[edge].Steps)-2] }
	if last(4) != last(5) {
		t.Errorf("got the ways %v and %v before node 4, want one", last(4), last(5))
	}
	g.Edges[5].Weak = true
	d = Place(g)
	if last(4).ID == last(5).ID {
		t.Errorf("got one way %v of a weak edge and another, want two", last(4))
	}
}

func BenchmarkPlace200(b *testing.B) {
	g := random(200, 450, 3)
	for b.Loop() {
		Place(g)
	}
}
