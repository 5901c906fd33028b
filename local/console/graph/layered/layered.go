// Package layered places the nodes of a directed graph in rows, so that its edges lead downwards, cross seldom and pass
// over no node: the method of Sugiyama, Tagawa and Toda (1981). Edges that lead to one node share their way to it.
//
// It is our own because no library fitted: go-graphviz compiles 1.5 MB of WebAssembly whenever a program starts that
// imports it, which each command of lazaret would wait for.
package layered

import "slices"

// Size is a width and a height in the units of the drawing.
type Size struct{ Width, Height float64 }

// Edge leads from one node to another, or back to itself. Nodes are named by their index.
type Edge struct {
	From, To int
	Label    Size // zero without one
	Weak     bool // gives way to other edges, and shares its way with weak ones only
	Main     bool // is to be straight if possible
}

// Graph is what is placed. The first node is in the first row.
type Graph struct {
	Nodes []Size
	Edges []Edge
}

// Rect is a place in the drawing, whose y grows downwards.
type Rect struct{ X, Y, Width, Height float64 }

// Step is a straight piece of an edge's way, at X from one Y to another. Between two steps the way changes its X.
type Step struct {
	X, From, To float64
	Label       bool // the piece is covered by the edge's label
	ID          int  // steps of the same ID are at the same place: edges share them
}

// Route is the way of an edge from its node to the other. A loop has no steps.
type Route struct {
	Steps []Step
	Label Rect // zero without one
	Loop  Rect // on the right of its node, for an edge that leads back to it
}

// Drawing says where everything is. Nodes and Routes have the indexes of the graph's nodes and edges.
type Drawing struct {
	Size
	Nodes  []Rect
	Routes []Route
}

// Spaces between what is placed.
const (
	apart     = 28 // two nodes of a row
	lineApart = 14 // a line and what is beside it
	gapLeast  = 18 // between two rows
	gapMost   = 50
	loopWidth = 26 // of the line that leads back to its node
)

// Place returns the drawing of a graph.
func Place(g Graph) Drawing {
	if len(g.Nodes) == 0 {
		return Drawing{}
	}
	l := &layout{graph: g}
	l.turn()
	l.rank()
	l.split()
	l.order()
	l.blocks()
	l.across()
	l.down()
	return l.drawing()
}

// layout is a graph that is being placed. Its rows have nodes at even numbers, and labels and lines at odd ones.
type layout struct {
	graph    Graph
	reversed []bool // by edge: it leads upwards
	ranks    []int  // by node: half its row

	vertices []vertex // those of the nodes come first
	rows     [][]int  // vertices from left to right
	segments []segment
	ways     [][]int // by edge: the vertices from the upper to the lower one, without those of its nodes

	block  []int     // by vertex: those of one block have the same x
	x      []float64 // by block
	top    []float64 // by row
	bottom []float64
}

// vertex is a node, a label, or a place where lines pass through a row.
type vertex struct {
	row, place  int // place in the row
	left, right float64
	height      float64
	node, label bool
	up, down    []link
}

// link is a segment as one of its ends sees it.
type link struct{ to, segment int }

// segment joins two vertices of neighbouring rows.
type segment struct {
	upper, lower int
	weight       float64
	main         bool
	edges        []int
}

// turn marks the edges that close a circle: those that lead to a node which is on the way from the first one.
func (l *layout) turn() {
	l.reversed = make([]bool, len(l.graph.Edges))
	out := make([][]int, len(l.graph.Nodes))
	for _, weak := range []bool{false, true} {
		for i, e := range l.graph.Edges {
			if e.Weak == weak && e.From != e.To {
				out[e.From] = append(out[e.From], i)
			}
		}
	}
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(l.graph.Nodes))
	var visit func(n int)
	visit = func(n int) {
		state[n] = open
		for _, i := range out[n] {
			switch to := l.graph.Edges[i].To; state[to] {
			case fresh:
				visit(to)
			case open:
				l.reversed[i] = true
			}
		}
		state[n] = done
	}
	for n := range l.graph.Nodes {
		if state[n] == fresh {
			visit(n)
		}
	}
}

// ends returns the upper and the lower node of an edge.
func (l *layout) ends(edge int) (upper, lower int) {
	e := l.graph.Edges[edge]
	if l.reversed[edge] {
		return e.To, e.From
	}
	return e.From, e.To
}

// rank puts each node as high as the edges to it allow.
func (l *layout) rank() {
	l.ranks = make([]int, len(l.graph.Nodes))
	for range l.graph.Nodes { // a way has no more edges than there are nodes
		changed := false
		for i := range l.graph.Edges {
			upper, lower := l.ends(i)
			if upper != lower && l.ranks[lower] <= l.ranks[upper] {
				l.ranks[lower], changed = l.ranks[upper]+1, true
			}
		}
		if !changed {
			return
		}
	}
}

// split makes the vertices and the segments between neighbouring rows.
func (l *layout) split() {
	for n, size := range l.graph.Nodes {
		half := size.Width / 2
		l.add(vertex{row: 2 * l.ranks[n], left: half, right: half, height: size.Height, node: true})
	}
	shared := map[[3]int]int{}   // vertices where lines pass, by the node they lead to, its kind of edge and the row
	segments := map[[2]int]int{} // by their ends
	l.ways = make([][]int, len(l.graph.Edges))
	for i, e := range l.graph.Edges {
		if e.From == e.To {
			v := &l.vertices[e.From]
			v.right = max(v.right, l.graph.Nodes[e.From].Width/2+loopWidth+e.Label.Width)
			continue
		}
		upper, lower := l.ends(i)
		from, to := l.vertices[upper].row, l.vertices[lower].row
		labelled := from + 1 // the label is beside the node where the edge begins
		if l.reversed[i] {
			labelled = to - 1
		}
		kind := 0
		if e.Weak {
			kind++
		}
		if l.reversed[i] {
			kind += 2
		}
		for row := from + 1; row < to; row++ {
			if row == labelled && e.Label.Width > 0 {
				half := e.Label.Width / 2
				l.ways[i] = append(l.ways[i], l.add(vertex{
					row: row, left: half, right: half, height: e.Label.Height, label: true,
				}))
				continue
			}
			key := [3]int{e.To, kind, row}
			v, found := shared[key]
			if !found {
				v = l.add(vertex{row: row})
				shared[key] = v
			}
			l.ways[i] = append(l.ways[i], v)
		}
		above := upper
		for _, v := range append(slices.Clip(l.ways[i]), lower) {
			s, found := segments[[2]int{above, v}]
			if !found {
				s = len(l.segments)
				segments[[2]int{above, v}] = s
				l.segments = append(l.segments, segment{upper: above, lower: v})
				l.vertices[above].down = append(l.vertices[above].down, link{v, s})
				l.vertices[v].up = append(l.vertices[v].up, link{above, s})
			}
			l.segments[s].edges = append(l.segments[s].edges, i)
			l.segments[s].weight += weight(e)
			l.segments[s].main = l.segments[s].main || e.Main
			above = v
		}
	}
}

// weight says how much it matters that an edge is short and has no crossings.
func weight(e Edge) float64 {
	switch {
	case e.Main:
		return 4
	case e.Weak:
		return 1
	}
	return 2
}

// add adds a vertex at the end of its row.
func (l *layout) add(v vertex) int {
	for len(l.rows) <= v.row {
		l.rows = append(l.rows, nil)
	}
	v.place = len(l.rows[v.row])
	l.vertices = append(l.vertices, v)
	l.rows[v.row] = append(l.rows[v.row], len(l.vertices)-1)
	return len(l.vertices) - 1
}
