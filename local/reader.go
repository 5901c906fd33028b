package local

import (
	"fmt"
	"time"
)

// maxUnread is how many notices wait for whoever reads them.
const maxUnread = 1000

// reader hands notices on, one call at a time, and makes nobody wait: a terminal
// that stands still (Ctrl-S, a pager) must not hold up what happens.
type reader struct {
	notices chan Notice
	ending  chan struct{}
	ended   chan struct{}
	left    int // out, since the last one that found room; guarded by who calls put
}

func newReader(tell func(Notice)) *reader {
	r := &reader{notices: make(chan Notice, maxUnread), ending: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		for {
			select {
			case n := <-r.notices:
				tell(n)
				continue
			case <-r.ending:
			}
			for len(r.notices) > 0 { // nobody else takes any
				tell(<-r.notices)
			}
			return
		}
	}()
	return r
}

// put is called by one caller at a time.
func (r *reader) put(n Notice) {
	if r.left > 0 && len(r.notices) < maxUnread-1 {
		r.notices <- Notice{Time: n.Time, What: LeftOut, Detail: fmt.Sprintf("%d lines, while nobody read them", r.left)}
		r.left = 0
	}
	select {
	case r.notices <- n:
	default:
		r.left++
	}
}

// close waits a moment for the last notices to be read.
func (r *reader) close() error {
	close(r.ending)
	select {
	case <-r.ended:
	case <-time.After(time.Second):
	}
	return nil
}
