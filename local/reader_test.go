package local

import (
	"strings"
	"testing"
	"time"
)

// A reader that stands still keeps nobody waiting, and hears later how much it missed.
func TestNoticesWaitForNoReader(t *testing.T) {
	t.Parallel()
	reading, said := make(chan struct{}), make(chan Notice, 3*maxUnread)
	r := newReader(func(n Notice) { <-reading; said <- n })
	put := make(chan struct{})
	go func() {
		defer close(put)
		for range 2 * maxUnread {
			r.put(Notice{What: "CLEAN"})
		}
	}()
	select {
	case <-put:
	case <-time.After(time.Minute):
		t.Fatal("notices wait for a reader that stands still")
	}
	close(reading)
	for len(said) < maxUnread { // at most a minute, by the test's own limit
		time.Sleep(time.Millisecond)
	}
	r.put(Notice{What: "INFECTED"})
	if err := r.close(); err != nil {
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
