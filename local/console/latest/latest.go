// Package latest keeps what was read last of something that takes seconds to read, so that pages show it at once, and
// that many readers cost no more than one.
package latest

import (
	"context"
	"sync"
	"time"
)

// Value is what was read last. It is read again when somebody asks for it and it is too old, once at a time. The zero
// Value is not usable.
type Value[T any] struct {
	ctx   context.Context // of a reading: it goes on when the one who asked has gone
	fresh time.Duration
	read  func(context.Context) (T, error)

	mu      sync.Mutex
	last    Reading[T]
	reading chan struct{} // closed at the end of the reading that is under way; nil without one
	expired bool          // what is read now is too old already
}

// Reading is one reading.
type Reading[T any] struct {
	Value T
	Err   error
	At    time.Time // of its end; zero if there was none yet
}

// New returns a Value whose readings stay fresh for a time, and end with ctx.
func New[T any](ctx context.Context, fresh time.Duration, read func(context.Context) (T, error)) *Value[T] {
	return &Value[T]{ctx: ctx, fresh: fresh, read: read}
}

// Get returns a fresh reading. If that takes longer than patience, it returns the last one, which may be the zero
// Reading.
func (v *Value[T]) Get(ctx context.Context, patience time.Duration) Reading[T] {
	v.mu.Lock()
	if !v.last.At.IsZero() && time.Since(v.last.At) < v.fresh {
		defer v.mu.Unlock()
		return v.last
	}
	if v.reading == nil {
		v.begin()
	}
	reading := v.reading
	v.mu.Unlock()
	if patience > 0 {
		select {
		case <-reading:
		case <-ctx.Done():
		case <-time.After(patience):
		}
	}
	return v.Last()
}

// begin starts a reading. The caller holds v.mu.
func (v *Value[T]) begin() {
	done := make(chan struct{})
	v.reading = done
	v.expired = false
	go func() {
		value, err := v.read(v.ctx)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.last = Reading[T]{Value: value, Err: err, At: time.Now()}
		if v.expired {
			v.last.At = time.Unix(1, 0)
		}
		v.reading = nil
		close(done)
	}()
}

// Last returns the last reading, which may be the zero Reading, without waiting.
func (v *Value[T]) Last() Reading[T] {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// Expire has the next Get read again, because something was changed.
func (v *Value[T]) Expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expired = true
	if !v.last.At.IsZero() {
		v.last.At = time.Unix(1, 0)
	}
}
