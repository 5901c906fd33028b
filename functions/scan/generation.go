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

// store is the part of definitions.Store that scan uses.
type store interface {
	Current() (definitions.Generation, error)
	Switched() (at time.Time, byPin bool, err error)
}

// chooser decides which generation this environment uses: the current one, except that a new
// generation is used only after a delay, and one that is too old is not used at all. A pin, and
// therefore a rollback, is used at once.
type chooser struct {
	store  store
	maxAge time.Duration // of the daily set; 0 is no limit
	delay  time.Duration // from a switch until this environment follows it
	now    func() time.Time

	mu    sync.Mutex
	using definitions.Generation
}

// newChooser reads MAX_DEFINITIONS_AGE from the environment.
func newChooser(s store) (*chooser, error) {
	maxAge, err := time.ParseDuration(cmp.Or(os.Getenv("MAX_DEFINITIONS_AGE"), "0h"))
	if err != nil || maxAge < 0 {
		return nil, fmt.Errorf(
			"read MAX_DEFINITIONS_AGE: %q is not a duration of 0 or more",
			os.Getenv("MAX_DEFINITIONS_AGE"),
		)
	}
	return &chooser{store: s, maxAge: maxAge, delay: rand.N(definitions.SwitchPeriod), now: time.Now}, nil
}

// Current returns the generation to scan with now. The error is a definitions.ErrNone if there is
// none, and a job.ErrDefinitionsNotReady if it is too old.
func (c *chooser) Current() (definitions.Generation, error) {
	g, err := c.store.Current()
	if err != nil {
		return definitions.Generation{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.tooEarlyFor(g) {
		c.using = g
	}
	if c.expired(c.using) {
		return definitions.Generation{}, fmt.Errorf("%w: the daily set of generation %s was built at %s, more than %s ago",
			job.ErrDefinitionsNotReady, c.using.Fingerprint, c.using.Built.Format(time.RFC3339), c.maxAge)
	}
	return c.using, nil
}

// tooEarlyFor reports whether this environment must not switch to g yet.
func (c *chooser) tooEarlyFor(g definitions.Generation) bool {
	if c.using.Fingerprint == "" || c.using.Fingerprint == g.Fingerprint || c.expired(c.using) {
		return false
	}
	// If the engine has to be restarted, it loads this folder again.
	if _, err := os.Stat(c.using.Dir); err != nil {
		return false
	}
	at, byPin, err := c.store.Switched()
	return err == nil && !byPin && c.now().Sub(at) < c.delay
}

// expired reports whether g is older than maxAge. A generation without a daily set has no age and
// never expires.
func (c *chooser) expired(g definitions.Generation) bool {
	return c.maxAge > 0 && !g.Built.IsZero() && c.now().Sub(g.Built) > c.maxAge
}
