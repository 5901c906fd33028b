package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
)

// spread is over how long the environments of a fleet switch to a new
// generation. Loading takes each of them 8 to 20 seconds, in which it scans
// nothing; all at once, nothing would be scanned at all.
const spread = 5 * time.Minute

// store is definitions.Store.
type store interface {
	Current() (definitions.Generation, error)
	Switched() (at time.Time, byPin bool, err error)
}

// follower says which generation this environment is to use: the current one,
// but a new one only after a time of this environment's own, and none that is
// too old to be trusted. A pin, and so a rollback, is followed at the
// first invocation that sees it.
type follower struct {
	store  store
	maxAge time.Duration // of the daily set; 0 is any
	delay  time.Duration
	now    func() time.Time

	mu    sync.Mutex
	using definitions.Generation
}

// follow reads how old definitions may be from the environment.
func follow(s store) (*follower, error) {
	maxAge, err := time.ParseDuration(cmp.Or(os.Getenv("MAX_DEFINITIONS_AGE"), "0h"))
	if err != nil || maxAge < 0 {
		return nil, fmt.Errorf("read MAX_DEFINITIONS_AGE: %q is no duration", os.Getenv("MAX_DEFINITIONS_AGE"))
	}
	return &follower{store: s, maxAge: maxAge, delay: rand.N(spread), now: time.Now}, nil
}

// Current returns the generation to scan with now. The error is
// definitions.ErrNone without any, job.ErrDefinitionsNotReady for one that is
// too old.
func (f *follower) Current() (definitions.Generation, error) {
	g, err := f.store.Current()
	if err != nil {
		return definitions.Generation{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.waits(g) {
		f.using = g
	}
	if f.expired(f.using) {
		return definitions.Generation{}, fmt.Errorf("%w: the daily set of generation %s was built %s, more than %s ago",
			job.ErrDefinitionsNotReady, f.using.Fingerprint, f.using.Built.Format(time.RFC3339), f.maxAge)
	}
	return f.using, nil
}

// waits reports whether it is too early for this environment to switch to g.
func (f *follower) waits(g definitions.Generation) bool {
	if f.using.Fingerprint == "" || f.using.Fingerprint == g.Fingerprint || f.expired(f.using) {
		return false
	}
	// An engine that has to be replaced loads its generation again.
	if _, err := os.Stat(f.using.Dir); err != nil {
		return false
	}
	at, byPin, err := f.store.Switched()
	return err == nil && !byPin && f.now().Sub(at) < f.delay
}

// expired is never true of a set without a daily one, which has no age.
func (f *follower) expired(g definitions.Generation) bool {
	return f.maxAge > 0 && !g.Built.IsZero() && f.now().Sub(g.Built) > f.maxAge
}
