package layered

import "math"

// down gives each row its y. Rows are farther apart where lines between them go far to the side.
func (l *layout) down() {
	heights := make([]float64, len(l.rows))
	aside := make([]float64, len(l.rows)) // the longest way to the side above a row
	for _, v := range l.vertices {
		heights[v.row] = max(heights[v.row], v.height)
	}
	for _, s := range l.segments {
		row := l.vertices[s.lower].row
		aside[row] = max(aside[row], math.Abs(l.x[l.block[s.upper]]-l.x[l.block[s.lower]]))
	}
	l.top, l.bottom = make([]float64, len(l.rows)), make([]float64, len(l.rows))
	y := 0.0
	for row, height := range heights {
		if row > 0 {
			y += min(gapMost, gapLeast+math.Round(aside[row]/12))
		}
		l.top[row] = y
		y += height
		l.bottom[row] = y
	}
}

// drawing returns the places, moved so that the leftmost thing is at zero.
func (l *layout) drawing() Drawing {
	d := Drawing{Nodes: make([]Rect, len(l.graph.Nodes)), Routes: make([]Route, len(l.graph.Edges))}
	left, right := math.Inf(1), math.Inf(-1)
	for i, v := range l.vertices {
		left = min(left, l.x[l.block[i]]-v.left)
		right = max(right, l.x[l.block[i]]+v.right)
	}
	left = math.Floor(left)
	for b := range l.x {
		l.x[b] -= left
	}
	d.Width, d.Height = math.Ceil(right-left), l.bottom[len(l.rows)-1]
	for n, size := range l.graph.Nodes {
		row := l.vertices[n].row
		middle := (l.top[row] + l.bottom[row]) / 2
		d.Nodes[n] = Rect{l.x[l.block[n]] - size.Width/2, math.Round(middle - size.Height/2), size.Width, size.Height}
	}
	for i := range l.graph.Edges {
		d.Routes[i] = l.route(i, d.Nodes)
	}
	return d
}

// route returns the way of an edge, in its direction.
func (l *layout) route(edge int, nodes []Rect) Route {
	e := l.graph.Edges[edge]
	if e.From == e.To {
		return loop(e, nodes[e.From])
	}
	var r Route
	upper, lower := l.ends(edge)
	way := l.ways[edge]
	first, last := nodes[upper], nodes[lower]
	r.Steps = append(r.Steps, l.port(edge, upper, first, false, l.x[l.block[way[0]]]))
	for _, v := range way {
		vertex := l.vertices[v]
		step := Step{X: l.x[l.block[v]], From: l.top[vertex.row], To: l.bottom[vertex.row], ID: v}
		if vertex.label {
			step.Label = true
			middle := (step.From + step.To) / 2
			step.From, step.To = middle-vertex.height/2, middle+vertex.height/2
			r.Label = Rect{step.X - vertex.left, step.From, vertex.left + vertex.right, vertex.height}
		}
		r.Steps = append(r.Steps, step)
	}
	r.Steps = append(r.Steps, l.port(edge, lower, last, true, l.x[l.block[way[len(way)-1]]]))
	if l.reversed[edge] {
		for i, j := 0, len(r.Steps)-1; i < j; i, j = i+1, j-1 {
			r.Steps[i], r.Steps[j] = r.Steps[j], r.Steps[i]
		}
		for i := range r.Steps {
			r.Steps[i].From, r.Steps[i].To = r.Steps[i].To, r.Steps[i].From
		}
	}
	return r
}

// port returns where an edge touches the top or the bottom of a node: in the middle, and aside from there if it is weak
// or leads upwards, so that a point where lines begin is not one where others end. In a row with a higher node, the
// step goes on to where the row ends.
func (l *layout) port(edge, node int, place Rect, top bool, towards float64) Step {
	middle := place.X + place.Width/2
	kind, aside := 0, 0.0
	if l.graph.Edges[edge].Weak {
		kind, aside = 1, place.Width/4
	}
	if l.reversed[edge] {
		kind, aside = kind+2, place.Width*3/8
	}
	if towards < middle {
		kind, aside = kind+4, -aside
	}
	row := l.vertices[node].row
	s := Step{X: math.Round(middle + aside), ID: -1 - node*16 - kind*2}
	if top {
		s.From, s.To = l.top[row], place.Y
	} else {
		s.From, s.To = place.Y+place.Height, l.bottom[row]
		s.ID--
	}
	return s
}

// loop returns the way of an edge that leads back to its node, on the right of it, with its label on the right of that.
func loop(e Edge, node Rect) Route {
	right, middle := node.X+node.Width, node.Y+node.Height/2
	return Route{
		Loop:  Rect{right, math.Round(middle - node.Height/4), loopWidth - 8, math.Round(node.Height / 2)},
		Label: Rect{right + loopWidth - 4, middle - e.Label.Height/2, e.Label.Width, e.Label.Height},
	}
}
