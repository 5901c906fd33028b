package layered

import (
	"cmp"
	"slices"
)

// sweeps is how often the rows are put into a new order.
const sweeps = 24

// order puts the vertices of each row into an order with few crossings: each one near the mean place of those to which
// it is joined in the row above, then in the row below, again and again. The best order is kept.
func (l *layout) order() {
	l.firstOrder()
	best, least := l.copyRows(), l.crossings()
	for i := 0; i < sweeps && least > 0; i++ {
		if i%2 == 0 {
			for row := 1; row < len(l.rows); row++ {
				l.sortRow(row, func(v vertex) []link { return v.up })
			}
		} else {
			for row := len(l.rows) - 2; row >= 0; row-- {
				l.sortRow(row, func(v vertex) []link { return v.down })
			}
		}
		l.exchange()
		if n := l.crossings(); n < least {
			best, least = l.copyRows(), n
		}
	}
	for row := range best {
		l.setRow(row, best[row])
	}
}

// firstOrder orders the rows as the vertices are reached from the first node: what belongs together is side by side.
func (l *layout) firstOrder() {
	seen := make([]bool, len(l.vertices))
	rows := make([][]int, len(l.rows))
	var visit func(v int)
	visit = func(v int) {
		if seen[v] {
			return
		}
		seen[v] = true
		rows[l.vertices[v].row] = append(rows[l.vertices[v].row], v)
		for _, down := range l.vertices[v].down {
			visit(down.to)
		}
	}
	for v := range l.vertices {
		if len(l.vertices[v].up) == 0 {
			visit(v)
		}
	}
	for row := range rows {
		l.setRow(row, rows[row])
	}
}

func (l *layout) copyRows() [][]int {
	rows := make([][]int, len(l.rows))
	for i, row := range l.rows {
		rows[i] = slices.Clone(row)
	}
	return rows
}

func (l *layout) setRow(row int, vertices []int) {
	l.rows[row] = vertices
	for place, v := range vertices {
		l.vertices[v].place = place
	}
}

// sortRow sorts a row by the mean places of its vertices' neighbours. Those without neighbours stay where they are.
func (l *layout) sortRow(row int, links func(vertex) []link) {
	type item struct {
		v    int
		mean float64
	}
	var items []item
	var places []int
	for place, v := range l.rows[row] {
		var sum, weights float64
		for _, link := range links(l.vertices[v]) {
			w := l.segments[link.segment].weight
			sum += float64(w * float64(l.vertices[link.to].place))
			weights += w
		}
		if weights > 0 {
			items = append(items, item{v, sum / weights})
			places = append(places, place)
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.mean, b.mean) })
	sorted := slices.Clone(l.rows[row])
	for i, item := range items {
		sorted[places[i]] = item.v
	}
	l.setRow(row, sorted)
}

// exchange exchanges neighbours in a row as long as that takes crossings away.
func (l *layout) exchange() {
	for range 10 {
		changed := false
		for _, row := range l.rows {
			for i := 1; i < len(row); i++ {
				a, b := &l.vertices[row[i-1]], &l.vertices[row[i]]
				now := l.pair(a.up, b.up) + l.pair(a.down, b.down)
				then := l.pair(b.up, a.up) + l.pair(b.down, a.down)
				if then < now {
					row[i-1], row[i] = row[i], row[i-1]
					l.vertices[row[i-1]].place, l.vertices[row[i]].place = i-1, i
					changed = true
				}
			}
		}
		if !changed {
			return
		}
	}
}

// pair counts the crossings between the links of two vertices, of which the first is on the left.
func (l *layout) pair(left, right []link) (crossings float64) {
	for _, a := range left {
		for _, b := range right {
			if l.vertices[a.to].place > l.vertices[b.to].place {
				crossings += float64(l.segments[a.segment].weight * l.segments[b.segment].weight)
			}
		}
	}
	return crossings
}

// crossings counts all crossings by the weights of what crosses.
func (l *layout) crossings() (all float64) {
	for _, row := range l.rows {
		for i := range row {
			for j := range i {
				all += l.pair(l.vertices[row[j]].down, l.vertices[row[i]].down)
			}
		}
	}
	return all
}
