package clamav

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestKnown(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	content := []byte("nothing to find here")
	sum := Sum(sha256.Sum256(content))
	known := func(want bool, when string) {
		t.Helper()
		got, ok := e.Known(sum)
		if ok != want || ok && (got.Outcome != Clean || got.Engine != e.Version() ||
			got.Definitions != e.definitions.Fingerprint) {
			t.Errorf("Known() %s = %+v, %t, want %t", when, got, ok, want)
		}
	}
	prove := func() {
		t.Helper()
		if err := e.Prove(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	known(false, "at the beginning")
	got := scanned(t, e, onDisk(t, content))
	prove()
	known(false, "without Keep")
	got.Keep(sum)
	known(false, "without a proof since")
	prove()
	known(true, "after a proof")
	e.cacheTainted.Store(true)
	known(false, "with a tainted cache")
}

func TestKeepOnlyClean(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	for i, o := range []Outcome{"", Found, Limit, Encrypted, Unexamined, Clean} {
		sum := Sum{byte(i)}
		e.complete(Finding{Outcome: o}).Keep(sum)
		e.clean.addProved(e.clean.takeUnproved())
		if _, ok := e.Known(sum); ok != (o == Clean) {
			t.Errorf("Known() of %q = %t, want true only for clean", o, ok)
		}
	}
	Finding{Outcome: Clean}.Keep(Sum{}) // a finding without an engine, as in tests of callers
}

// TestFailedProofInvalidatesKnown checks that nothing is known after a failed proof, whether it was
// kept before the last good proof or after it.
func TestFailedProofInvalidatesKnown(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	early, late := Sum{1}, Sum{2}
	e.complete(Finding{Outcome: Clean}).Keep(early)
	if err := e.Prove(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	e.complete(Finding{Outcome: Clean}).Keep(late)
	client := e.client
	e.client = engine(t, Config{Clamd: fake(t, "always-clean")}).client
	if err := e.Prove(within(t, time.Minute)); !errors.Is(err, ErrCanary) {
		t.Fatalf("Prove() = %v, want ErrCanary", err)
	}
	e.client = client
	if err := e.Prove(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, sum := range []Sum{early, late} {
		if got, ok := e.Known(sum); ok {
			t.Errorf("Known(%v) = %+v after a missed canary, want nothing", sum[0], got)
		}
	}
}

func TestSupervisorKnown(t *testing.T) {
	t.Parallel()
	s, g := supervisor(t, Config{}), testSet(t)
	content := []byte("nothing to find here")
	sum := Sum(sha256.Sum256(content))
	if _, ok := s.Known(g, sum); ok {
		t.Error("Known() without an engine: got an answer, want none")
	}
	keep := func() {
		t.Helper()
		got, err := s.Scan(within(t, time.Minute), g, onDisk(t, content))
		if err != nil || got.Outcome != Clean {
			t.Fatalf("Scan() = %+v, %v, want clean", got, err)
		}
		got.Keep(sum)
		if err := s.current().Prove(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Known(g, sum); !ok || got.Outcome != Clean || got.Definitions != g.Fingerprint {
			t.Fatalf("Known() = %+v, %t, want Clean", got, ok)
		}
	}
	keep()
	if got, ok := s.Known(testSet(t, "Lazaret-Test-Word:0:*:6c617a617265742d746573742d776f7264"), sum); ok {
		t.Errorf("Known() with other definitions = %+v, want nothing", got)
	}
	s.now = func() time.Time { return time.Now().Add(time.Hour) }
	if got, ok := s.Known(g, sum); ok {
		t.Errorf("Known() with an old proof = %+v, want nothing", got)
	}
	s.now = time.Now
	s.discard(s.current())
	if got, ok := s.Known(g, sum); ok {
		t.Errorf("Known() of a discarded engine = %+v, want nothing", got)
	}
	if err := s.Ensure(within(t, time.Minute), g); err != nil {
		t.Fatal(err)
	}
	if got, ok := s.Known(g, sum); ok {
		t.Errorf("Known() of the next engine = %+v, want nothing", got)
	}
	keep()
}

func TestCleanCacheLimit(t *testing.T) {
	t.Parallel()
	c := newCleanCache()
	sum := func(i int) Sum { return sha256.Sum256(fmt.Append(nil, i)) }
	for round := range 6 {
		for i := range maxUnproved + 10 {
			c.add(sum(round*2*maxUnproved + i))
		}
		if got := len(c.unproved); got != maxUnproved {
			t.Errorf("%d contents wait for a proof, want %d", got, maxUnproved)
		}
		c.addProved(c.takeUnproved())
	}
	if got := c.proved.Len(); got != maxProved {
		t.Errorf("%d contents are known, want %d", got, maxProved)
	}
	if c.contains(sum(0)) || !c.contains(sum(10*maxUnproved)) {
		t.Error("the first content is still there or the last is not, want the oldest dropped first")
	}
}
