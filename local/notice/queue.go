package notice

import (
	"fmt"
	"time"
)

// maxWaiting is how many notices wait for their reader.
const maxWaiting = 1000

// Queue hands notices to a reader, who may be slow: a terminal that is stopped with Ctrl-S, or a pager. What makes the
// notices never waits for the reader.
type Queue struct {
	notices chan Notice
	closing chan struct{}
	done    chan struct{}
	dropped int // since the last notice that found room
}

// NewQueue returns a queue that calls read with one notice at a time.
func NewQueue(read func(Notice)) *Queue {
	q := &Queue{notices: make(chan Notice, maxWaiting), closing: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for {
			select {
			case n := <-q.notices:
				read(n)
				continue
			case <-q.closing:
			}
			for len(q.notices) > 0 { // this goroutine alone takes from it
				read(<-q.notices)
			}
			return
		}
	}()
	return q
}

// Put adds a notice, or counts it where there is no room. It is called by one goroutine at a time.
func (q *Queue) Put(n Notice) {
	if q.dropped > 0 && len(q.notices) < maxWaiting-1 {
		detail := fmt.Sprintf("%d lines, while nobody read them", q.dropped)
		q.notices <- Notice{Time: n.Time, What: LeftOut, Detail: detail}
		q.dropped = 0
	}
	select {
	case q.notices <- n:
	default:
		q.dropped++
	}
}

// Close waits at most a second until the last notices are read.
func (q *Queue) Close() error {
	close(q.closing)
	select {
	case <-q.done:
	case <-time.After(time.Second):
	}
	return nil
}
