package latest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		v := New(t.Context(), time.Minute, func(context.Context) (int, error) {
			n++
			return n, nil
		})
		get := func(want int) {
			t.Helper()
			if got := v.Get(t.Context(), time.Second).Value; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		}
		get(1)
		get(1)
		time.Sleep(time.Minute)
		get(2)
		v.Expire()
		get(3)
	})
}

// A reader that waits no longer gets the last reading, and the reading goes on.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := New(t.Context(), time.Minute, func(context.Context) (string, error) {
			time.Sleep(10 * time.Second)
			return "there", errors.New("with an error")
		})
		if r := v.Get(t.Context(), time.Second); !r.At.IsZero() {
			t.Errorf("got %v before the end of the reading", r)
		}
		time.Sleep(10 * time.Second)
		if r := v.Last(); r.Value != "there" || r.Err == nil || r.At.IsZero() {
			t.Errorf("got %v, want the reading with its error", r)
		}
	})
}

func TestOneReadingAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		v := New(t.Context(), time.Minute, func(context.Context) (int32, error) {
			time.Sleep(time.Second)
			return n.Add(1), nil
		})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { v.Get(t.Context(), time.Minute) })
		}
		all.Wait()
		if n.Load() != 1 {
			t.Errorf("got %d readings, want 1", n.Load())
		}
	})
}

// What is changed while a reading runs may not be in it, so that the next one reads again.
func TestExpireWhileReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		v := New(t.Context(), time.Hour, func(context.Context) (int, error) {
			n++
			at := n
			time.Sleep(time.Second)
			return at, nil
		})
		v.Get(t.Context(), 0)
		time.Sleep(time.Millisecond)
		v.Expire()
		v.Get(t.Context(), time.Minute)
		if got := v.Get(t.Context(), time.Minute).Value; got != 2 {
			t.Errorf("got reading %d, want the second", got)
		}
	})
}
