package layered

import (
	"math"
	"slices"
)

// blocks joins vertices that are to have the same x: those of the straight parts of long edges and of main edges. Two
// segments that cross cannot both be straight.
func (l *layout) blocks() {
	l.block = make([]int, len(l.vertices))
	for v := range l.block {
		l.block[v] = v
	}
	straight := l.straight()
	for row := range len(l.rows) - 1 {
		var kept []segment
		inRow := straight[row]
		slices.SortStableFunc(inRow, func(a, b segment) int { return rating(b) - rating(a) })
		hasUp, hasDown := map[int]bool{}, map[int]bool{}
		for _, s := range inRow {
			crosses := slices.ContainsFunc(kept, func(o segment) bool {
				a := l.vertices[s.upper].place - l.vertices[o.upper].place
				b := l.vertices[s.lower].place - l.vertices[o.lower].place
				return a < 0 && b > 0 || a > 0 && b < 0
			})
			if crosses || hasDown[s.upper] || hasUp[s.lower] {
				continue
			}
			kept = append(kept, s)
			hasDown[s.upper], hasUp[s.lower] = true, true
			l.block[s.lower] = l.block[s.upper] // rows are visited downwards: the upper one has its block
		}
	}
}

// rating orders segments by how much it matters that they are straight.
func rating(s segment) int {
	if s.main {
		return 1000 + int(s.weight)
	}
	return int(s.weight)
}

// straight returns the segments that are to be straight, by their upper row: those within a long edge, and main ones.
func (l *layout) straight() [][]segment {
	rows := make([][]segment, len(l.rows))
	for _, s := range l.segments {
		upper, lower := l.vertices[s.upper], l.vertices[s.lower]
		if s.main || !upper.node && !lower.node {
			rows[upper.row] = append(rows[upper.row], s)
		}
	}
	return rows
}

// constraint keeps a block at a distance on the right of another.
type constraint struct {
	left, right int
	distance    float64
	force       float64 // with which the two press on each other
}

// constraints returns the distances between neighbours in a row.
func (l *layout) constraints() []constraint {
	var all []constraint
	for _, row := range l.rows {
		for i := 1; i < len(row); i++ {
			a, b := l.vertices[row[i-1]], l.vertices[row[i]]
			space := float64(lineApart)
			if a.node && b.node {
				space = apart
			}
			all = append(all, constraint{
				left: l.block[row[i-1]], right: l.block[row[i]], distance: math.Ceil(a.right + b.left + space),
			})
		}
	}
	return all
}

// across gives each block its x: as near as possible to what its vertices are joined to, by the sum of the squares of
// the distances, without two vertices of a row being too near. Each round moves blocks towards their neighbours, and
// then apart again (Hildreth's method).
func (l *layout) across() {
	n := len(l.vertices)
	l.x = make([]float64, n)
	constraints := l.constraints()
	settle(l.x, constraints)
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = 1e-3
	}
	type pull struct {
		a, b   int
		weight float64
	}
	var pulls []pull
	for _, s := range l.segments {
		a, b := l.block[s.upper], l.block[s.lower]
		if a == b {
			continue
		}
		w := s.weight
		pulls = append(pulls, pull{a, b, w})
		weights[a] += w
		weights[b] += w
	}
	const rounds, inner, still = 200, 8, 0.05
	goal := make([]float64, n)
	for range rounds {
		for i := range goal {
			goal[i] = float64(1e-3 * l.x[i])
		}
		for _, p := range pulls {
			goal[p.a] += float64(p.weight * l.x[p.b])
			goal[p.b] += float64(p.weight * l.x[p.a])
		}
		for i := range goal {
			goal[i] = (l.x[i] + goal[i]/weights[i]) / 2
		}
		for i := range constraints { // the forces of the last round are a good beginning
			c := &constraints[i]
			goal[c.left] -= c.force / weights[c.left]
			goal[c.right] += c.force / weights[c.right]
		}
		for range inner {
			for i := range constraints {
				c := &constraints[i]
				missing := c.distance - (goal[c.right] - goal[c.left])
				change := max(-c.force, missing/(1/weights[c.left]+1/weights[c.right]))
				c.force += change
				goal[c.left] -= change / weights[c.left]
				goal[c.right] += change / weights[c.right]
			}
		}
		moved := 0.0
		for i, x := range goal {
			moved = max(moved, math.Abs(x-l.x[i]))
		}
		copy(l.x, goal)
		if moved < still {
			break
		}
	}
	for i := range l.x {
		l.x[i] = math.Round(l.x[i])
	}
	settle(l.x, constraints)
}

// settle moves blocks to the right until all distances are kept. No block is on both sides of another, because no two
// straight segments cross: it ends after as many rounds as there are blocks.
func settle(x []float64, constraints []constraint) {
	for range x {
		moved := false
		for _, c := range constraints {
			if least := x[c.left] + c.distance; x[c.right] < least {
				x[c.right], moved = least, true
			}
		}
		if !moved {
			return
		}
	}
}
