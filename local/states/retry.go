package states

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// retrier is one entry of Retry. Delays are in seconds.
type retrier struct {
	errors             []string
	interval, maxDelay float64
	backoff            float64
	maxAttempts        int
	jitter             bool // FULL: any delay from 0 to the computed one
}

// catcher is one entry of Catch.
type catcher struct {
	errors        []string
	next          string
	resultPath    reference
	discardResult bool
}

// parseRetry reads Retry with the defaults and the limits of the language
// specification and of "Handling errors in Step Functions workflows".
func parseRetry(raw json.RawMessage) ([]retrier, error) {
	const maxWait = 31_622_400 // seconds, the limit of MaxDelaySeconds
	return parseHandlers(raw, "Retry", "ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy Comment",
		func(f fields, names []string) (retrier, error) {
			in := struct {
				interval, maxAttempts int
				backoff               float64
				maxDelay              int
				jitter                string
			}{1, 3, 2, maxWait, "NONE"}
			for name, target := range map[string]any{
				"IntervalSeconds": &in.interval, "MaxAttempts": &in.maxAttempts, "BackoffRate": &in.backoff,
				"MaxDelaySeconds": &in.maxDelay, "JitterStrategy": &in.jitter,
			} {
				if _, err := f.into(name, target); err != nil {
					return retrier{}, err
				}
			}
			switch _, capped := f["MaxDelaySeconds"]; {
			case in.interval < 0 || in.interval > 99_999_999:
				return retrier{}, fmt.Errorf("IntervalSeconds is %d, not 0 to 99999999", in.interval)
			case in.maxAttempts < 0 || in.maxAttempts > 99_999_999:
				return retrier{}, fmt.Errorf("MaxAttempts is %d, not 0 to 99999999", in.maxAttempts)
			case in.backoff < 1:
				return retrier{}, fmt.Errorf("BackoffRate is %v, less than 1", in.backoff)
			case capped && (in.maxDelay <= in.interval || in.maxDelay > maxWait):
				return retrier{}, fmt.Errorf("MaxDelaySeconds is %d, not more than IntervalSeconds and at most %d", in.maxDelay, maxWait)
			case in.jitter != "NONE" && in.jitter != "FULL":
				return retrier{}, fmt.Errorf("JitterStrategy is %q, not FULL or NONE", in.jitter)
			}
			return retrier{
				errors: names, interval: float64(in.interval), maxDelay: float64(in.maxDelay),
				backoff: in.backoff, maxAttempts: in.maxAttempts, jitter: in.jitter == "FULL",
			}, nil
		})
}

func parseCatch(raw json.RawMessage) ([]catcher, error) {
	return parseHandlers(raw, "Catch", "ErrorEquals Next ResultPath Comment",
		func(f fields, names []string) (catcher, error) {
			c := catcher{errors: names}
			if given, err := f.into("Next", &c.next); err != nil || !given {
				return c, fmt.Errorf("Next is missing or not a string")
			}
			var text *string
			given, err := f.into("ResultPath", &text)
			switch {
			case err != nil || !given:
				return c, err
			case text == nil:
				c.discardResult = true
				return c, nil
			}
			c.resultPath, err = parseReference(*text)
			return c, err
		})
}

// parseHandlers reads what Retry and Catch share: entries that begin with
// ErrorEquals, in which States.ALL stands alone and last.
func parseHandlers[T any](raw json.RawMessage, field, allowed string, parse func(fields, []string) (T, error)) ([]T, error) {
	if raw == nil {
		return nil, nil
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	var out []T
	for i, entry := range entries {
		f, err := parseFields(entry, allowed)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", field, i, err)
		}
		var names []string
		if _, err := f.into("ErrorEquals", &names); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", field, i, err)
		}
		wildcard := slices.Contains(names, errAll)
		switch {
		case len(names) == 0:
			return nil, fmt.Errorf("%s[%d]: ErrorEquals is missing or empty", field, i)
		case wildcard && len(names) > 1:
			return nil, fmt.Errorf("%s[%d]: States.ALL does not stand alone in ErrorEquals", field, i)
		case wildcard && i < len(entries)-1:
			return nil, fmt.Errorf("%s[%d]: States.ALL is not in the last entry", field, i)
		}
		v, err := parse(f, names)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", field, i, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// attempts counts how often each retrier of a state was used. A new visit of the
// state begins at zero.
type attempts struct {
	retriers []retrier
	used     []int
	random   func() float64 // in [0, 1)
}

func newAttempts(retriers []retrier) *attempts {
	return &attempts{retriers: retriers, used: make([]int, len(retriers)), random: rand.Float64}
}

// next returns the delay before another attempt. Only the first retrier that
// names the error is asked.
func (a *attempts) next(f *failure) (time.Duration, bool) {
	for i, r := range a.retriers {
		if !f.matches(r.errors) {
			continue
		}
		if a.used[i] >= r.maxAttempts {
			return 0, false
		}
		seconds := min(r.interval*math.Pow(r.backoff, float64(a.used[i])), r.maxDelay)
		a.used[i]++
		if r.jitter {
			seconds *= a.random()
		}
		return time.Duration(seconds * float64(time.Second)), true
	}
	return 0, false
}
