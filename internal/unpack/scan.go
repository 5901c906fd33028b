package unpack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// scans are the engine's scans of the pieces of one file. They run while the walk goes
// on: clamd scans one file on one core, so that with two cores all pieces take hardly
// more time than the file alone.
type scans struct {
	engine   Engine
	parallel int64 // scans at a time; with 1, the walk waits for each answer
	slots    *semaphore.Weighted
	all      sync.WaitGroup

	mu      sync.Mutex
	err     error // what ends the Check: the first signature, or else the first error
	running map[*scan]bool
	timer   *time.Timer // from the first signature on; stops the scans that still run
}

// scan is one piece that the engine was given.
type scan struct {
	cancel   context.CancelCauseFunc
	refusals *refusalList  // gets what the engine refuses
	done     chan struct{} // closed after the answer was taken
	stopped  bool          // before its end; may be read once done is closed
}

// errStopped is the cause of the context of a scan whose answer is no longer needed.
var errStopped = errors.New("scan stopped: its answer is no longer needed")

// scannedAlone is the size in bytes above which a piece is scanned while no other is:
// what the engine unpacks from two large ones could be more than it may write.
const scannedAlone = 16 << 20

// afterSignature is how long other scans may go on once a signature was found. A
// clamd that is left in the middle of a scan has to be replaced, which takes some 20
// seconds; but a signature must not wait for a scan that takes minutes.
const afterSignature = 20 * time.Second

func newScans(engine Engine, parallel int) *scans {
	most := int64(max(1, parallel))
	return &scans{engine: engine, parallel: most, slots: semaphore.NewWeighted(most), running: map[*scan]bool{}}
}

// piece is what the engine is given: the file itself, or a member.
type piece struct {
	path string // of a member, for people
	size int64
	sum  Sum
	file *os.File // the file itself; nil for a member
	body *body    // of a member; nil for the file itself
}

// descriptor is the piece as a file for the engine, until done is called.
func (p piece) descriptor() (f *os.File, done func(), err error) {
	if p.body == nil {
		return p.file, func() {}, nil
	}
	return p.body.descriptor()
}

// scan has the engine scan a piece. What the engine refuses goes to the list that the
// walk has now, with the order that the walk has now. The error is what ends the Check,
// because of this scan or of an earlier one.
func (w *walk) scan(p piece) (*scan, error) {
	s := w.scans
	weight := int64(1)
	if p.size > scannedAlone {
		weight = s.parallel
	}
	if err := s.slots.Acquire(w.ctx, weight); err != nil {
		return nil, context.Cause(w.ctx)
	}
	if err := s.failed(); err != nil { // while this waited for a slot
		s.slots.Release(weight)
		return nil, err
	}
	w.spent.Asked++
	order := w.next()
	ctx, c := s.begin(w.ctx, w.refusals)
	if p.body != nil {
		p.body.hold()
	}
	run := func() {
		defer s.end(c)
		defer s.slots.Release(weight)
		refused, err := s.run(ctx, p)
		switch {
		case errors.Is(err, errStopped):
			c.stopped = true
		case err != nil:
			s.fail(err)
		case refused != nil:
			c.refusals.add(order, refused)
		}
		if p.body != nil {
			w.drop(p.body)
		}
	}
	if s.parallel == 1 {
		run()
	} else {
		go run()
	}
	return c, s.failed()
}

func (s *scans) begin(ctx context.Context, refusals *refusalList) (context.Context, *scan) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &scan{cancel: cancel, refusals: refusals, done: make(chan struct{})}
	s.all.Add(1)
	refusals.open.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[c] = true
	return ctx, c
}

func (s *scans) end(c *scan) {
	c.cancel(nil)
	close(c.done)
	c.refusals.open.Done()
	s.mu.Lock()
	delete(s.running, c)
	s.mu.Unlock()
	s.all.Done()
}

// run scans one piece. A refusal is the engine's. The error is a detection, errStopped,
// errTime, or the engine's.
func (s *scans) run(ctx context.Context, p piece) (*Refusal, error) {
	f, done, err := p.descriptor()
	if err != nil {
		return nil, err
	}
	defer done()
	name := cmp.Or(p.path, "the file itself")
	got, err := s.engine(ctx, f, p.sum)
	if err != nil {
		cause := context.Cause(ctx)
		if errors.Is(cause, errStopped) || errors.Is(cause, errTime) {
			return nil, cause
		}
		return nil, fmt.Errorf("scan %s: %w", name, err)
	}
	switch got.Outcome {
	case Clean:
		return nil, nil
	case Found:
		return nil, &detection{got.Signature}
	case Refused:
		return &Refusal{Reason: got.Reason, Path: p.path, Detail: got.Detail}, nil
	}
	return nil, fmt.Errorf("scan %s: unknown outcome %q", name, got.Outcome)
}

// stop stops those of some scans that still run, and returns the scans that it has
// stopped before their end. All other scans end first: a clamd that is left in the
// middle of one is replaced, and with it go its other scans.
func (s *scans) stop(some []*scan) (stopped []*scan) {
	s.mu.Lock()
	others := maps.Clone(s.running)
	s.mu.Unlock()
	running := false
	for _, c := range some {
		running = running || others[c]
		delete(others, c)
	}
	if !running {
		return nil
	}
	for c := range others {
		<-c.done
	}
	for _, c := range some {
		c.cancel(errStopped)
		<-c.done
		if c.stopped {
			stopped = append(stopped, c)
		}
	}
	return stopped
}

// stopAll stops all scans.
func (s *scans) stopAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.running {
		c.cancel(errStopped)
	}
}

// fail keeps what ends the Check. A signature comes before every error, also one that
// was there first: a scan that ran out of time says nothing against it.
func (s *scans) fail(err error) {
	_, found := errors.AsType[*detection](err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case found && s.timer == nil:
		s.err = err
		s.timer = time.AfterFunc(afterSignature, s.stopAll)
	case s.err == nil:
		s.err = err
	}
}

// failed is what ends the Check, or nil.
func (s *scans) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// wait waits for the end of all scans, and returns what ends the Check, or nil.
func (s *scans) wait() error {
	s.all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	return s.err
}

// refusalList has the first refusal for each reason. Refusals have the order of the
// walk, whenever the engine's answers come.
type refusalList struct {
	open sync.WaitGroup // scans whose refusals are still to come

	mu      sync.Mutex
	entries []refusalEntry
}

type refusalEntry struct {
	order   int
	refusal *Refusal
}

func (l *refusalList) add(order int, r *Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := func(e refusalEntry) bool { return e.refusal.Reason == r.Reason }
	switch i := slices.IndexFunc(l.entries, same); {
	case i < 0:
		l.entries = append(l.entries, refusalEntry{order: order, refusal: r})
	case order < l.entries[i].order:
		l.entries[i] = refusalEntry{order: order, refusal: r}
	}
}

// wait waits for the scans whose refusals go to l, and returns all in their order.
func (l *refusalList) wait() []*Refusal {
	l.open.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortFunc(l.entries, func(a, b refusalEntry) int { return cmp.Compare(a.order, b.order) })
	var all []*Refusal
	for _, e := range l.entries {
		all = append(all, e.refusal)
	}
	return all
}
