package sweep_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	good := sweep.Request{Question: sweep.Unjudged, Purpose: sweep.Reconcile, OlderThan: "15m"}
	if age, err := good.Check(); err != nil || age != 15*time.Minute {
		t.Errorf("%+v: got %v, %v, want 15 minutes", good, age, err)
	}
	for says, change := range map[string]func(*sweep.Request){
		`question ""`:                               func(r *sweep.Request) { r.Question = "" },
		"needs definitions":                         func(r *sweep.Request) { r.Question = sweep.Stale },
		"belong to the question stale":              func(r *sweep.Request) { r.Definitions = 7 },
		`purpose "fun"`:                             func(r *sweep.Request) { r.Purpose = "fun" },
		"needs a bucket":                            func(r *sweep.Request) { r.Prefix = "in/" },
		`olderThan "soon"`:                          func(r *sweep.Request) { r.OlderThan = "soon" },
		`olderThan "-5m"`:                           func(r *sweep.Request) { r.OlderThan = "-5m" },
		"want unjudged, stale or all":               func(r *sweep.Request) { r.Question = "UNJUDGED" },
		"want backfill, reconcile, rescan or retro": func(r *sweep.Request) { r.Purpose = "" },
		"a budget belongs to the purpose retro":     func(r *sweep.Request) { r.Budget = 1 },
		"needs the question stale":                  func(r *sweep.Request) { r.Purpose, r.Budget = sweep.Retro, 1 },
		"needs a budget above 0":                    func(r *sweep.Request) { *r = sweep.Request{Question: sweep.Stale, Purpose: sweep.Retro} },
		`verdict "CLEAN" belong to the question`:    func(r *sweep.Request) { r.Verdict = job.Clean },
	} {
		r := good
		change(&r)
		if _, err := r.Check(); !errors.Is(err, sweep.ErrRequest) || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: got %v, want %q", r, err, says)
		}
	}
}

func TestOldestOfCounts(t *testing.T) {
	t.Parallel()
	old, young := time.Unix(1000, 0), time.Unix(2000, 0)
	for _, test := range []struct{ a, b, want time.Time }{
		{old, young, old}, {young, old, old}, {time.Time{}, young, young}, {old, time.Time{}, old}, {},
	} {
		c := sweep.Counts{Considered: 1, OldestUnjudged: test.a}
		c.Add(sweep.Counts{Considered: 2, Matched: 3, OldestUnjudged: test.b})
		if !c.OldestUnjudged.Equal(test.want) || c.Considered != 3 || c.Matched != 3 {
			t.Errorf("%v and %v: got %+v, want %v", test.a, test.b, c, test.want)
		}
	}
}

func TestRunOf(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:states:us-east-1:000000000000:execution:lazaret-sweep:backfill-7"
	if got := sweep.RunOf(arn); got != "backfill-7" {
		t.Errorf("got %q, want backfill-7", got)
	}
	if got := sweep.ObjectsPrefix("r"); got != "sweeps/r/objects/" {
		t.Errorf("got %q, want sweeps/r/objects/", got)
	}
}
