package console

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// lettersPatience is for how long a page waits until nobody else reads the dead letters. Sending thousands back
	// takes minutes.
	lettersPatience = 30 * time.Second
	lookAgain       = 50 * time.Millisecond
)

var errLettersBusy = errors.New(
	"the dead letters are being read or sent back by another page: load this page again later")

// lock locks a mutex. It returns an error, and does not lock, if that takes longer than patience or ctx ends.
func lock(ctx context.Context, m *sync.Mutex, patience time.Duration) error {
	end := time.After(patience)
	for !m.TryLock() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return errLettersBusy
		case <-time.After(lookAgain):
		}
	}
	return nil
}
