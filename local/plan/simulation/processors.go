package simulation

import (
	"container/heap"
	"time"
)

// processors serve all that is at work in equal shares. What each has got is the same for all of them, so that one
// clock is enough: a piece of work is done when the clock has gone on by its length.
type processors struct {
	state  *state
	clock  float64       // seconds that each piece of work has got since the beginning
	at     time.Duration // when the clock was read
	pieces pieces
	serial int
	plan   int // of the event that ends the next piece; older ones are void
}

// piece is a piece of work.
type piece struct {
	until  float64 // of the clock
	serial int
	since  time.Duration
	length time.Duration
	then   func()
}

// rate is how much of a processor each piece gets.
func (p *processors) rate() float64 {
	return min(1, p.state.config.Processors/float64(len(p.pieces)))
}

// read moves the clock to now.
func (p *processors) read() {
	if len(p.pieces) > 0 {
		p.clock += (p.state.now - p.at).Seconds() * p.rate()
	}
	p.at = p.state.now
}

// add begins a piece of work.
func (p *processors) add(d time.Duration, then func()) {
	p.read()
	p.serial++
	heap.Push(&p.pieces, &piece{
		until: p.clock + d.Seconds(), serial: p.serial, since: p.state.now, length: d, then: then,
	})
	p.expect()
}

// expect plans the end of the piece that ends next.
func (p *processors) expect() {
	p.plan++
	if len(p.pieces) == 0 {
		return
	}
	plan := p.plan
	left := max(0, (p.pieces[0].until-p.clock)/p.rate())
	// A nanosecond more, so that rounding does not leave a rest.
	p.state.at(p.state.now+time.Duration(left*float64(time.Second))+1, func() {
		if plan == p.plan {
			p.end()
		}
	})
}

// end ends all pieces that are done.
func (p *processors) end() {
	p.read()
	var done []*piece
	for len(p.pieces) > 0 && p.pieces[0].until <= p.clock {
		done = append(done, heap.Pop(&p.pieces).(*piece))
	}
	p.expect()
	for _, d := range done {
		if shared := p.state.now - d.since - d.length; shared > time.Microsecond {
			p.state.result.Waited[ForProcessor] += shared
		}
		d.then()
	}
}

// pieces is a heap, the piece that ends next first.
type pieces []*piece

func (p pieces) Len() int { return len(p) }
func (p pieces) Less(i, j int) bool {
	return p[i].until < p[j].until || p[i].until == p[j].until && p[i].serial < p[j].serial
}
func (p pieces) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pieces) Push(x any)   { *p = append(*p, x.(*piece)) }
func (p *pieces) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}
