package permit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/testing/sqsfake"
)

const url = "https://sqs.us-east-1.amazonaws.com/000000000000/lazaret-permits"

// pool returns a pool of n permits, and its queue.
func pool(n int) (permit.Pool, *sqsfake.Client) {
	queues := &sqsfake.Client{Queues: &sqsfake.Queues{}}
	for range n {
		queues.Put(url, "{}")
	}
	return permit.Pool{SQS: queues, URL: url}, queues
}

// take takes a permit that is free.
func take(t *testing.T, p permit.Pool) *permit.Lease {
	t.Helper()
	lease, err := p.Take(t.Context(), 0)
	if err != nil || lease == nil {
		t.Fatalf("Take() = %v, %v, want a permit", lease, err)
	}
	return lease
}

func TestTakeWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, queues := pool(1)
		first := take(t, p)
		began := time.Now()
		if second, err := p.Take(t.Context(), 0); second != nil || err != nil || time.Since(began) != 0 {
			t.Errorf("Take() without wait = %v, %v after %v, want nothing at once", second, err, time.Since(began))
		}
		second, err := p.Take(t.Context(), 20*time.Second)
		if took := time.Since(began); second != nil || err != nil || took != 20*time.Second {
			t.Errorf("Take() = %v, %v after %v, want nothing after 20 s", second, err, took)
		}
		time.AfterFunc(7*time.Second, func() {
			if err := first.GiveBack(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
		began = time.Now()
		second, err = p.Take(t.Context(), 20*time.Second)
		if took := time.Since(began); second == nil || err != nil || took != 7*time.Second {
			t.Errorf("Take() = %v, %v after %v, want the permit that was given back after 7 s", second, err, took)
		}
		if got := len(queues.Bodies(url)); got != 1 {
			t.Errorf("got %d permits, want 1", got)
		}
	})
}

func TestFree(t *testing.T) {
	t.Parallel()
	p, _ := pool(3)
	take(t, p)
	if free, err := p.Free(t.Context()); free != 2 || err != nil {
		t.Errorf("Free() = %d, %v, want 2", free, err)
	}
}

// TestKeep keeps a permit for an hour, of which every other renewal fails.
func TestKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, queues := pool(1)
		lease := take(t, p)
		renewals, failures := 0, 0
		queues.Before = func(string) error {
			if renewals++; renewals%2 != 0 {
				return errors.New("ServiceUnavailable")
			}
			return nil
		}
		stop := lease.Keep(t.Context(), func(error) { failures++ })
		for range 3600 {
			time.Sleep(time.Second)
			if queues.Visible(url) != 0 {
				t.Fatalf("after %d renewals: the permit is free, want it kept", renewals)
			}
		}
		stop()
		if want := 180; renewals != want || failures != want/2 {
			t.Errorf("got %d renewals, %d failures, want %d and %d", renewals, failures, want, want/2)
		}
		queues.Before = nil
		time.Sleep(permit.Term)
		if queues.Visible(url) != 1 {
			t.Errorf("a minute after Keep ended: the permit is not free, want it free")
		}
	})
}

// TestNoRenewalAfterStop gives a permit back while its renewal is under way. A renewal after that would
// hide the permit from everybody.
func TestNoRenewalAfterStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, queues := pool(1)
		lease := take(t, p)
		queues.Before = func(string) error { time.Sleep(3 * time.Second); return nil }
		stop := lease.Keep(t.Context(), func(err error) { t.Errorf("renewal: %v, want it to succeed", err) })
		time.Sleep(21 * time.Second) // the renewal began a second ago
		stop()
		queues.Before = nil
		if err := lease.GiveBack(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if queues.Visible(url) != 1 {
			t.Error("got a permit that is hidden after it was given back, want it free")
		}
	})
}

// TestLostReplies loses the request or the reply of each operation. There is one permit at the end,
// after a minute at most: a lost reply makes none.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	steps := map[string]func(context.Context, permit.Pool, *permit.Lease) error{
		"ReceiveMessage": func(ctx context.Context, p permit.Pool, l *permit.Lease) error {
			if err := l.GiveBack(ctx, 0); err != nil {
				return err
			}
			_, err := p.Take(ctx, 0)
			return err
		},
		"ChangeMessageVisibility": func(ctx context.Context, _ permit.Pool, l *permit.Lease) error {
			return errors.Join(l.Renew(ctx), l.GiveBack(ctx, 0))
		},
		"GetQueueAttributes": func(ctx context.Context, p permit.Pool, _ *permit.Lease) error {
			_, err := p.Free(ctx)
			return err
		},
	}
	for operation, step := range steps {
		for _, before := range []bool{true, false} {
			t.Run(operation, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p, queues := pool(1)
					lease := take(t, p)
					lose := func(o string) error {
						if o == operation {
							return lost
						}
						return nil
					}
					if before {
						queues.Before = lose
					} else {
						queues.After = lose
					}
					if err := step(t.Context(), p, lease); !errors.Is(err, lost) {
						t.Errorf("got error %v, want %v", err, lost)
					}
					queues.Before, queues.After = nil, nil
					time.Sleep(permit.Term)
					if queues.Visible(url) != 1 {
						t.Errorf("a minute later: got %d free permits, want 1", queues.Visible(url))
					}
				})
			})
		}
	}
}

// TestDelete loses the reply to a deletion. The permit is deleted, or free again after a minute.
func TestDelete(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for name, tt := range map[string]struct {
		before, after error
		want          int
	}{
		"done":         {},
		"request lost": {before: lost, want: 1},
		"reply lost":   {after: lost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, queues := pool(1)
				lease := take(t, p)
				queues.Before = func(string) error { return tt.before }
				queues.After = func(string) error { return tt.after }
				err := lease.Delete(t.Context())
				if something := tt.before != nil || tt.after != nil; errors.Is(err, lost) != something {
					t.Errorf("Delete() = %v, want an error if something was lost: %t", err, something)
				}
				time.Sleep(permit.Term)
				if got := queues.Visible(url); got != tt.want {
					t.Errorf("got %d permits, want %d", got, tt.want)
				}
			})
		})
	}
}
