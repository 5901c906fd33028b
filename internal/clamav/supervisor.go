package clamav

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Supervisor keeps one proved engine with the generation that its callers want: it starts, proves,
// replaces and ends engines, and returns only findings of an engine that was proved. It is safe for
// concurrent use. An environment may be frozen between calls, for any time: a proof that is too old
// then is made again, and an engine that ended is replaced.
type Supervisor struct {
	cfg Config
	// slots has one unit for each scan that may run. To change the engine, a call takes all of them, and
	// so waits for the scans that run.
	slots *semaphore.Weighted
	now   func() time.Time

	mu     sync.Mutex
	engine *Engine       // nil if there is none
	closed bool          // Close was called
	ready  bool          // the engine is loaded and proved
	broken bool          // the engine was killed and must be removed
	waited time.Duration // how long calls have waited for the engine to load
}

// NewSupervisor returns a Supervisor without an engine.
func NewSupervisor(cfg Config) *Supervisor {
	cfg = cfg.withDefaults()
	return &Supervisor{cfg: cfg, slots: semaphore.NewWeighted(int64(cfg.Threads)), now: time.Now}
}

// Start starts an engine with g and returns at once. It is for the init phase of a function, which
// ends after 10 s on Lambda, while an engine takes longer to load. If there is an engine, it stays.
func (s *Supervisor) Start(g definitions.Generation) error {
	if !s.slots.TryAcquire(s.allSlots()) {
		return nil // a call uses or starts the engine
	}
	defer s.slots.Release(s.allSlots())
	if s.current() != nil {
		return nil
	}
	return s.start(g)
}

// Ensure returns when there is a proved engine with g. If ctx ends while the engine loads, the error
// is an ErrEngine that wraps the context's error; the engine goes on loading, and the next call waits
// for it.
func (s *Supervisor) Ensure(ctx context.Context, g definitions.Generation) error {
	if _, err := s.acquire(ctx, g); err != nil {
		return err
	}
	s.slots.Release(1)
	return nil
}

// Scan returns a checked finding about f with the definitions of g. See Engine.Scan for what the
// caller must do. The error is an ErrDescriptor or an ErrTooLarge if f cannot be scanned. Otherwise it
// is an ErrEngine: there is no verdict, and the engine was killed, also if only the deadline has
// passed. ErrEngineDied, an ErrEngine, means that the engine ended by itself while it scanned f.
func (s *Supervisor) Scan(ctx context.Context, g definitions.Generation, f *os.File) (Finding, error) {
	if small, err := examine(f); err != nil {
		return Finding{}, err
	} else if small {
		return Finding{Outcome: Unexamined}, nil
	}
	var finding Finding
	err := s.ask(ctx, g, func(e *Engine) (err error) {
		finding, err = e.Scan(ctx, f)
		return err
	})
	if err != nil {
		return Finding{}, err
	}
	return finding, nil
}

// ScanAll is Scan for a file of which every signature must be known; see Engine.ScanAll.
func (s *Supervisor) ScanAll(ctx context.Context, g definitions.Generation, f *os.File) ([]Finding, error) {
	if small, err := examine(f); err != nil {
		return nil, err
	} else if small {
		return []Finding{{Outcome: Unexamined}}, nil
	}
	var findings []Finding
	err := s.ask(ctx, g, func(e *Engine) (err error) {
		findings, err = e.ScanAll(ctx, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return findings, nil
}

// ask has a proved engine scan, and proves it again where that is due. After an ErrEngine the engine is killed.
func (s *Supervisor) ask(ctx context.Context, g definitions.Generation, scan func(*Engine) error) error {
	e, err := s.acquire(ctx, g)
	if err != nil {
		return err
	}
	defer s.slots.Release(1)
	if err = scan(e); err == nil && s.needsProof(e) {
		// After the answer, so that the proof covers it.
		err = e.Prove(ctx)
	}
	if errors.Is(err, ErrEngine) {
		s.discard(e)
	}
	return err
}

// Known returns Clean, without a scan, for content that was found clean with the definitions of g and
// added with Finding.Keep. The engine that found it must still be there and must have been proved
// since, no longer than ProofAge ago.
func (s *Supervisor) Known(g definitions.Generation, sum Sum) (Finding, bool) {
	e := s.usableEngine(g)
	if e == nil || s.needsProof(e) {
		return Finding{}, false
	}
	return e.Known(sum)
}

// Close ends the engine, also during a scan.
func (s *Supervisor) Close() error {
	s.mu.Lock()
	s.closed = true
	e := s.engine
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	s.discard(e) // scans end and release their slots
	if err := s.slots.Acquire(context.Background(), s.allSlots()); err != nil {
		return err
	}
	defer s.slots.Release(s.allSlots())
	return s.endUnfit(definitions.Generation{})
}
