package clamav

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Supervisor keeps one proved engine for the generation that is wanted: it
// starts, proves, replaces and ends engines, and lets no finding out that the
// engine has not earned. It is safe for concurrent use. Nothing in it depends
// on time passing between calls, so a frozen environment may thaw any time
// later: a proof is too old then and is made again, an engine that died
// meanwhile is replaced.
type Supervisor struct {
	cfg Config
	// slots has one unit per scan that may run. Whoever changes the engine
	// takes all of them, and thereby waits for scans that run.
	slots *semaphore.Weighted
	now   func() time.Time

	mu     sync.Mutex
	engine *Engine       // nil before the first start and after the end
	closed bool          // no engine is started any more
	ready  bool          // it is loaded and proved
	broken bool          // it was killed and is to be cleared away
	waited time.Duration // for it to load, in sum
}

// NewSupervisor returns a Supervisor without an engine.
func NewSupervisor(cfg Config) *Supervisor {
	cfg = cfg.withDefaults()
	return &Supervisor{cfg: cfg, slots: semaphore.NewWeighted(int64(cfg.Threads)), now: time.Now}
}

// Start begins to load g and returns at once: for a function's init phase,
// which ends after 10 s on Lambda while an engine needs more. An engine that
// is there already stays.
func (s *Supervisor) Start(g definitions.Generation) error {
	if !s.slots.TryAcquire(s.all()) {
		return nil // in use, so it is started
	}
	defer s.slots.Release(s.all())
	if s.current() != nil {
		return nil
	}
	return s.start(g)
}

// Ensure returns once a proved engine with g is there. If ctx ends while the
// engine still loads, the error is an ErrEngine with the context's own, the
// engine goes on loading, and the next call waits for the rest.
func (s *Supervisor) Ensure(ctx context.Context, g definitions.Generation) error {
	if _, err := s.acquire(ctx, g); err != nil {
		return err
	}
	s.slots.Release(1)
	return nil
}

// Scan returns a verified finding about f with the definitions of g. Read
// Engine.Scan for what the caller owes. Errors: ErrDescriptor and ErrTooLarge
// say that f cannot be asked about; ErrEngine that there is no verdict and the
// engine was thrown away, a deadline passed during the scan included;
// ErrEngineDied, which is an ErrEngine too, that this happened by itself while
// it scanned f.
func (s *Supervisor) Scan(ctx context.Context, g definitions.Generation, f *os.File) (Finding, error) {
	if small, err := examine(f); err != nil {
		return Finding{}, err
	} else if small {
		return Finding{Outcome: Unexamined}, nil
	}
	e, err := s.acquire(ctx, g)
	if err != nil {
		return Finding{}, err
	}
	defer s.slots.Release(1)
	finding, err := e.Scan(ctx, f)
	if err == nil && s.stale(e) {
		// After the answer, not before: a proof made now vouches for it.
		err = e.Prove(ctx)
	}
	if err != nil {
		if errors.Is(err, ErrEngine) {
			s.discard(e)
		}
		return Finding{}, err
	}
	return finding, nil
}

// Close ends the engine, also in the middle of a scan.
func (s *Supervisor) Close() error {
	s.mu.Lock()
	s.closed = true
	e := s.engine
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	s.discard(e) // so that scans end, and give their slots back
	if err := s.slots.Acquire(context.Background(), s.all()); err != nil {
		return err
	}
	defer s.slots.Release(s.all())
	return s.clear(definitions.Generation{})
}

func (s *Supervisor) all() int64 { return int64(s.cfg.Threads) }

func (s *Supervisor) current() *Engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// usable returns the engine if a scan with g can use it as it is.
func (s *Supervisor) usable(g definitions.Generation) *Engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil || !s.ready || !s.fits(g) {
		return nil
	}
	return s.engine
}

func (s *Supervisor) fits(g definitions.Generation) bool {
	return !s.broken && !s.engine.spent.Load() && s.engine.proc.alive() && s.engine.definitions.Fingerprint == g.Fingerprint
}

// acquire returns a proved engine with g and one slot, which the caller
// releases.
func (s *Supervisor) acquire(ctx context.Context, g definitions.Generation) (*Engine, error) {
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for the engine: %w", err)
	}
	if e := s.usable(g); e != nil {
		return e, nil
	}
	s.slots.Release(1)
	if err := s.slots.Acquire(ctx, s.all()); err != nil {
		return nil, fmt.Errorf("wait for the engine: %w", err)
	}
	e, err := s.renew(ctx, g)
	if err != nil {
		s.slots.Release(s.all())
		return nil, err
	}
	s.slots.Release(s.all() - 1)
	return e, nil
}

// renew makes the engine usable. The caller has all slots.
func (s *Supervisor) renew(ctx context.Context, g definitions.Generation) (*Engine, error) {
	if e := s.usable(g); e != nil {
		return e, nil // somebody else was first
	}
	if err := s.clear(g); err != nil {
		return nil, err
	}
	if s.current() == nil {
		if err := s.start(g); err != nil {
			return nil, err
		}
	}
	e := s.current()
	if err := s.await(ctx, e); err != nil {
		return nil, err
	}
	if err := e.Prove(ctx); err != nil {
		s.discard(e)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
	return e, nil
}

// clear ends an engine that does not fit g. Until it is gone there is no other:
// two of them do not fit into the memory.
func (s *Supervisor) clear(g definitions.Generation) error {
	s.mu.Lock()
	e := s.engine
	fits, broken := e != nil && s.fits(g), s.broken
	s.mu.Unlock()
	if e == nil || fits {
		return nil
	}
	grace := termGrace
	if broken {
		grace = 0
	}
	if err := e.end(grace); err != nil {
		return fmt.Errorf("%w: %w", ErrEngine, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine, s.ready, s.broken = nil, false, false
	return nil
}

func (s *Supervisor) start(g definitions.Generation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%w: closed", ErrEngine)
	}
	e, err := Start(s.cfg, g)
	if err != nil {
		return err
	}
	s.engine, s.ready, s.broken, s.waited = e, false, false, 0
	return nil
}

// await waits for the engine to load. Only a context's end leaves it loading,
// and only until LoadTime was spent in waiting.
func (s *Supervisor) await(ctx context.Context, e *Engine) error {
	began := time.Now()
	err := e.Ready(ctx)
	s.mu.Lock()
	s.waited += time.Since(began)
	stuck := s.waited > s.cfg.LoadTime
	s.mu.Unlock()
	if err != nil && (ctx.Err() == nil || stuck) {
		s.discard(e)
	}
	return err
}

// discard kills an engine whose word counts no more. It is cleared away by the
// next call, which needs not wait for its end now.
func (s *Supervisor) discard(e *Engine) {
	e.proc.kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == e {
		s.broken = true
	}
}

// stale reports whether the last proof is older than ProofAge by the wall
// clock or by the monotonic one, whichever went on in a freeze, or whether the
// wall clock was set back.
func (s *Supervisor) stale(e *Engine) bool {
	last := e.proved.Load()
	if last == nil {
		return true
	}
	now := s.now()
	wall := now.Round(0).Sub(last.Round(0))
	return wall < 0 || wall > s.cfg.ProofAge || now.Sub(*last) > s.cfg.ProofAge
}
