package states

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// handler has the errors that an entry of Retry or Catch is for.
type handler struct {
	ErrorEquals []string
}

// retrier is one entry of Retry.
type retrier struct {
	handler
	IntervalSeconds, MaxAttempts, MaxDelaySeconds int
	BackoffRate                                   float64
	JitterStrategy                                string
}

// catcher is one entry of Catch.
type catcher struct {
	handler
	Next       string
	ResultPath place
}

// UnmarshalJSON applies the defaults and limits of the language specification and of "Handling errors in Step Functions
// workflows".
func (r *retrier) UnmarshalJSON(data []byte) error {
	const longest = 31_622_400 // seconds, the limit of MaxDelaySeconds
	type plain retrier
	p := plain{IntervalSeconds: 1, MaxAttempts: 3, BackoffRate: 2, MaxDelaySeconds: longest, JitterStrategy: "NONE"}
	const fields = "ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy Comment"
	if err := strict(data, fields, &p); err != nil {
		return err
	}
	*r = retrier(p)
	switch {
	case r.IntervalSeconds < 0 || r.MaxAttempts < 0:
		return errors.New("IntervalSeconds or MaxAttempts is negative")
	case r.BackoffRate < 1:
		return fmt.Errorf("BackoffRate is %v, less than 1", r.BackoffRate)
	case r.MaxDelaySeconds <= r.IntervalSeconds || r.MaxDelaySeconds > longest:
		return fmt.Errorf("MaxDelaySeconds is %d, not more than IntervalSeconds and at most %d", r.MaxDelaySeconds, longest)
	case r.JitterStrategy != "NONE" && r.JitterStrategy != "FULL":
		return fmt.Errorf("JitterStrategy is %q, not FULL or NONE", r.JitterStrategy)
	}
	return nil
}

func (c *catcher) UnmarshalJSON(data []byte) error {
	type plain catcher
	return strict(data, "ErrorEquals Next ResultPath Comment", (*plain)(c))
}

func (h handler) names() []string { return h.ErrorEquals }

// wildcardLast refuses an entry without errors, and an entry behind States.ALL, which would never be used.
func wildcardLast[T interface{ names() []string }](field string, entries []T) error {
	for i, entry := range entries {
		names := entry.names()
		wildcard := slices.Contains(names, errAll)
		if len(names) == 0 || wildcard && (len(names) > 1 || i < len(entries)-1) {
			return fmt.Errorf("%s[%d]: ErrorEquals is empty, or States.ALL is not alone and last", field, i)
		}
	}
	return nil
}

// attempts counts how often each retrier was used in one visit of a state.
type attempts struct {
	retriers []retrier
	used     []int
	random   func() float64 // in [0, 1)
}

func newAttempts(retriers []retrier) *attempts {
	return &attempts{retriers: retriers, used: make([]int, len(retriers)), random: rand.Float64}
}

// next returns the delay before another attempt. Only the first retrier that names the error counts.
func (a *attempts) next(f *failure) (time.Duration, bool) {
	i := slices.IndexFunc(a.retriers, func(r retrier) bool { return f.matches(r.ErrorEquals) })
	if i < 0 || a.used[i] >= a.retriers[i].MaxAttempts {
		return 0, false
	}
	r := a.retriers[i]
	seconds := min(float64(r.IntervalSeconds)*math.Pow(r.BackoffRate, float64(a.used[i])), float64(r.MaxDelaySeconds))
	a.used[i]++
	if r.JitterStrategy == "FULL" { // any delay from 0 to the computed one
		seconds *= a.random()
	}
	return time.Duration(seconds * float64(time.Second)), true
}
