package notice

import (
	"strings"
	"testing"
	"time"
)

// A reader that stops delays nobody, and is told later how many notices it missed.
func TestQueueWaitsForNoReader(t *testing.T) {
	t.Parallel()
	reading, said := make(chan struct{}), make(chan Notice, 3*maxWaiting)
	q := NewQueue(func(n Notice) { <-reading; said <- n })
	put := make(chan struct{})
	go func() {
		defer close(put)
		for range 2 * maxWaiting {
			q.Put(Notice{What: "CLEAN"})
		}
	}()
	select {
	case <-put:
	case <-time.After(time.Minute):
		t.Fatal("Put waits for a reader that has stopped")
	}
	close(reading)
	for len(said) < maxWaiting { // at most a minute, by the test's own limit
		time.Sleep(time.Millisecond)
	}
	q.Put(Notice{What: "INFECTED"})
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	var last []string
	for len(said) > 0 {
		n := <-said
		last = append(last, n.What+" "+n.Detail)
	}
	got := strings.Join(last[len(last)-2:], ", ")
	if !strings.HasPrefix(got, "LEFT OUT ") || !strings.HasSuffix(got, "INFECTED ") {
		t.Errorf("the last notices are %q, want how many were left out, and then the new one", got)
	}
}
