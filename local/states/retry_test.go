package states

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		error   string
		equals  []string
		matches bool
	}{
		{"by name", "Boom", []string{"Other", "Boom"}, true},
		{"another name", "Boom", []string{"boom"}, false},
		{"wildcard", "Boom", []string{errAll}, true},
		{"wildcard takes a timeout", errTimeout, []string{errAll}, true},
		{"wildcard takes a result path failure", errResultPathMatch, []string{errAll}, true},
		{"task failed", "Boom", []string{errTaskFailed}, true},
		{"task failed is not a timeout", errTimeout, []string{errTaskFailed}, false},
		{"runtime passes the wildcard", errRuntime, []string{errAll}, false},
		{"runtime passes task failed", errRuntime, []string{errTaskFailed}, false},
		{"runtime passes its own name", errRuntime, []string{errRuntime}, false},
		{"data limit passes the wildcard", errDataLimit, []string{errAll}, false},
		{"data limit by name", errDataLimit, []string{errDataLimit}, true},
		{"no choice passes the wildcard", errNoChoice, []string{errAll}, false},
		{"no choice by name", errNoChoice, []string{errNoChoice}, true},
		{"parameter path passes the wildcard", errParameterPath, []string{errAll}, false},
		{"parameter path by name", errParameterPath, []string{errParameterPath}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fail(tt.error, "").matches(tt.equals); got != tt.matches {
				t.Errorf("%s matches %q: got %v, want %v", tt.error, tt.equals, got, tt.matches)
			}
		})
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		retry  string
		errors []string
		random float64
		want   []float64 // seconds of each delay, -1 for no further attempt
	}{
		{"defaults", `[{"ErrorEquals":["A"]}]`, []string{"A", "A", "A", "A"}, 0, []float64{1, 2, 4, -1}},
		{"none for another error", `[{"ErrorEquals":["A"]}]`, []string{"B"}, 0, []float64{-1}},
		{
			"no attempts",
			`[{"ErrorEquals":["A"],"MaxAttempts":0},{"ErrorEquals":["States.ALL"]}]`,
			[]string{"A"},
			0,
			[]float64{-1},
		},
		{
			"cap",
			`[{"ErrorEquals":["A"],"IntervalSeconds":5,"MaxDelaySeconds":15,"MaxAttempts":4}]`,
			[]string{"A", "A", "A", "A", "A"},
			0,
			[]float64{5, 10, 15, 15, -1},
		},
		{
			"rate of one",
			`[{"ErrorEquals":["A"],"IntervalSeconds":3,"BackoffRate":1}]`,
			[]string{"A", "A"},
			0,
			[]float64{3, 3},
		},
		{
			"fractional rate",
			`[{"ErrorEquals":["A"],"IntervalSeconds":60,"BackoffRate":1.5}]`,
			[]string{"A", "A", "A"},
			0,
			[]float64{60, 90, 135},
		},
		{
			"full jitter",
			`[{"ErrorEquals":["A"],"IntervalSeconds":4,"JitterStrategy":"FULL"}]`,
			[]string{"A", "A"},
			0.25,
			[]float64{1, 2},
		},
		{
			"full jitter after the cap",
			`[{"ErrorEquals":["A"],"IntervalSeconds":4,"MaxDelaySeconds":6,"JitterStrategy":"FULL"}]`,
			[]string{"A", "A"},
			0.5,
			[]float64{2, 3},
		},
		{
			"counted apart", `[{"ErrorEquals":["A"],"MaxAttempts":1},{"ErrorEquals":["B"],"MaxAttempts":2}]`,
			[]string{"A", "B", "B", "A"},
			0,
			[]float64{1, 1, 2, -1},
		},
		{
			"first that names it",
			`[{"ErrorEquals":["A","B"],"MaxAttempts":1},{"ErrorEquals":["B"],"MaxAttempts":9}]`,
			[]string{"A", "B"},
			0,
			[]float64{1, -1},
		},
		{
			"600 attempts do not overflow",
			`[{"ErrorEquals":["A"],"IntervalSeconds":5,"MaxDelaySeconds":300,"MaxAttempts":600}]`,
			repeat("A", 601),
			0,
			append(append([]float64{5, 10, 20, 40, 80, 160}, repeat(300.0, 594)...), -1),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var retriers []retrier
			if err := json.Unmarshal([]byte(tt.retry), &retriers); err != nil {
				t.Fatal(err)
			}
			a := newAttempts(retriers)
			a.random = func() float64 { return tt.random }
			var got []float64
			for _, name := range tt.errors {
				d, ok := a.next(fail(name, ""))
				if !ok {
					d = -time.Second
				}
				got = append(got, d.Seconds())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("delays differ (-want +got):\n%s", diff)
			}
		})
	}
}

func repeat[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}
