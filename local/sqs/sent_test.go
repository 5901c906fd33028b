package sqs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/metrics"
)

// TestSent counts the messages of each minute, also in a later run of the stack.
func TestSent(t *testing.T) {
	t.Parallel()
	kept := newStore(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := open(t, kept, pair()[1:])
		began := time.Now() // of a minute: midnight
		send(t, s, dead, "first")
		time.Sleep(59 * time.Second)
		send(t, s, dead, "second")
		receive(t, s, dead)
		time.Sleep(time.Second)
		send(t, s, dead, "third")
		s = open(t, kept, pair()[1:])
		values := func(n int) metrics.Values {
			return metrics.Values{Sum: float64(n), Minimum: 1, Maximum: 1, Count: n}
		}
		minute := metrics.Minute(began)
		check := func(from, until time.Time, want metrics.Minutes) {
			t.Helper()
			got, err := s.Sent("lazaret-dead-letters", from, until)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("sent: %v, (-want +got):\n%s", err, diff)
			}
		}
		check(began, began.Add(time.Hour), metrics.Minutes{minute: values(2), minute + 60: values(1)})
		check(began, began.Add(time.Minute), metrics.Minutes{minute: values(2)})
		check(began.Add(-time.Hour), began, metrics.Minutes{})
		time.Sleep(16 * 24 * time.Hour)
		send(t, s, dead, "fourth") // the minutes before are forgotten
		last := metrics.Minute(time.Now())
		check(began, time.Now().Add(time.Minute), metrics.Minutes{last: values(1)})
		if got, err := s.Sent("nothing", began, time.Now()); got != nil || err != nil {
			t.Errorf("Sent(nothing) = %v, %v, want none and no error", got, err)
		}
	})
}
