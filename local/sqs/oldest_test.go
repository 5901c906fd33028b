package sqs_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestOldest follows the age of a queue's oldest message: CloudWatch counts what is with a receiver too, and does not
// count what was received more than three times.
func TestOldest(t *testing.T) {
	t.Parallel()
	kept := newStore(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := open(t, kept, pair()[1:])
		want := func(age time.Duration) {
			t.Helper()
			got, known, err := s.Oldest("lazaret-dead-letters")
			if got != age || !known || err != nil {
				t.Fatalf("Oldest() = %v, %t, %v, want %v", got, known, err, age)
			}
		}
		want(0)
		send(t, s, dead, "first")
		time.Sleep(time.Minute)
		send(t, s, dead, "second")
		time.Sleep(time.Minute)
		want(2 * time.Minute)
		for range 3 {
			got := receive(t, s, dead)
			want(2 * time.Minute)
			for _, m := range got {
				if err := s.Release(dead, m.ReceiptHandle); err != nil {
					t.Fatal(err)
				}
			}
		}
		send(t, s, dead, "third")
		time.Sleep(time.Second)
		for _, m := range receive(t, s, dead) { // the first two for the fourth time
			if err := s.Release(dead, m.ReceiptHandle); err != nil {
				t.Fatal(err)
			}
		}
		want(time.Second)
		if _, known, err := s.Oldest("nothing"); known || err != nil {
			t.Errorf("Oldest(nothing) = %t, %v, want none and no error", known, err)
		}
	})
}
