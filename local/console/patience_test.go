package console

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// A page does not wait for the end of a redrive, which may take hours.
func TestLock(t *testing.T) {
	t.Parallel()
	var m sync.Mutex
	if err := lock(t.Context(), &m, time.Hour); err != nil {
		t.Fatalf("nobody has locked it: got %v", err)
	}
	if err := lock(t.Context(), &m, time.Millisecond); !errors.Is(err, errLettersBusy) {
		t.Errorf("locked for longer than the page waits: got %v, want %v", err, errLettersBusy)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lock(gone, &m, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("the reader has gone: got %v, want %v", err, context.Canceled)
	}
	go func() {
		time.Sleep(lookAgain)
		m.Unlock()
	}()
	if err := lock(t.Context(), &m, time.Hour); err != nil {
		t.Errorf("unlocked in time: got %v", err)
	}
}
