package clamav

import (
	"context"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
)

// allSlots returns the number of slots.
func (s *Supervisor) allSlots() int64 { return int64(s.cfg.Threads) }

// current returns the engine, nil if there is none.
func (s *Supervisor) current() *Engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// usableEngine returns the engine if a scan with g can use it now, otherwise nil.
func (s *Supervisor) usableEngine(g definitions.Generation) *Engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil || !s.ready || !s.fits(g) {
		return nil
	}
	return s.engine
}

// fits reports whether the engine works and has g. The caller holds the mutex.
func (s *Supervisor) fits(g definitions.Generation) bool {
	return !s.broken && !s.engine.cacheTainted.Load() && s.engine.proc.alive() &&
		s.engine.definitions.Fingerprint == g.Fingerprint
}

// acquire returns a proved engine with g and takes one slot, which the caller releases.
func (s *Supervisor) acquire(ctx context.Context, g definitions.Generation) (*Engine, error) {
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for the engine: %w", err)
	}
	if e := s.usableEngine(g); e != nil {
		return e, nil
	}
	s.slots.Release(1)
	if err := s.slots.Acquire(ctx, s.allSlots()); err != nil {
		return nil, fmt.Errorf("wait for the engine: %w", err)
	}
	e, err := s.prepareEngine(ctx, g)
	if err != nil {
		s.slots.Release(s.allSlots())
		return nil, err
	}
	s.slots.Release(s.allSlots() - 1)
	return e, nil
}

// prepareEngine returns a loaded and proved engine with g. The caller has all slots.
func (s *Supervisor) prepareEngine(ctx context.Context, g definitions.Generation) (*Engine, error) {
	if e := s.usableEngine(g); e != nil {
		return e, nil // another call prepared it
	}
	if err := s.endUnfit(g); err != nil {
		return nil, err
	}
	if s.current() == nil {
		if err := s.start(g); err != nil {
			return nil, err
		}
	}
	e := s.current()
	if err := s.waitUntilLoaded(ctx, e); err != nil {
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

// endUnfit ends an engine that does not fit g. No other engine is started before it has ended, because
// the memory is not enough for two.
func (s *Supervisor) endUnfit(g definitions.Generation) error {
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

// start starts an engine with g.
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

// waitUntilLoaded waits for the engine to load. If ctx ends, the engine goes on loading, unless calls
// have waited for LoadTime in all.
func (s *Supervisor) waitUntilLoaded(ctx context.Context, e *Engine) error {
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

// discard kills an engine whose answers no longer count. The next call removes it, so that this one
// need not wait for its end.
func (s *Supervisor) discard(e *Engine) {
	e.proc.kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == e {
		s.broken = true
	}
}

// needsProof reports whether the last proof is older than ProofAge, by the wall clock or by the
// monotonic clock: one of them may stop while the environment is frozen. It also does if the wall
// clock was set back.
func (s *Supervisor) needsProof(e *Engine) bool {
	last := e.proved.Load()
	if last == nil {
		return true
	}
	now := s.now()
	wall := now.Round(0).Sub(last.Round(0))
	return wall < 0 || wall > s.cfg.ProofAge || now.Sub(*last) > s.cfg.ProofAge
}
