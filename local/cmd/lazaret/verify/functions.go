package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkFunctions are the checks of the functions. They read the histories of this run's executions.
var checkFunctions = []Check{
	{
		Name:  "function-dispatch",
		Claim: "dispatch starts an execution for each upload",
		Needs: historyNeeds,
		Run:   dispatched,
	},
	{
		Name:  "function-fetch",
		Claim: "fetch works",
		Needs: historyNeeds,
		Run:   worked("Fetch", clean, infected, encrypted),
	},
	{Name: "function-scan", Claim: "scan works", Needs: historyNeeds, Run: worked("Scan", clean, infected, encrypted)},
	{Name: "function-tag", Claim: "tag works", Needs: historyNeeds, Run: worked("Tag", clean, infected, encrypted)},
	{
		Name:  "function-quarantine",
		Claim: "quarantine works",
		Needs: historyNeeds,
		Run:   worked("Quarantine", infected, zip64, mail),
	},
	{Name: "function-notify", Claim: "notify works", Needs: historyNeeds, Run: worked("Notify", infected, encrypted)},
	{Name: "function-promote", Claim: "promote works", Needs: historyNeeds, Run: promoted},
}

// historyNeeds are the permissions to read both kinds of histories. A stack with Workflow=STANDARD needs no
// logs:FilterLogEvents.
var historyNeeds = []string{"states:DescribeExecution", "states:GetExecutionHistory", "logs:FilterLogEvents"}

func dispatched(ctx context.Context, r *run) Line {
	var slowest time.Duration
	for _, name := range []string{clean, infected, encrypted} {
		p, line := r.probe(ctx, name)
		if p.execution.began.IsZero() {
			switch {
			case line == nil:
				return fail("no execution of %s was seen", name)
			case line.Outcome == Fail && r.keepsPermits.Load():
				return notChecked("%s; executions that wait for definitions keep permits", line.Seen)
			}
			return *line
		}
		slowest = max(slowest, p.execution.began.Sub(p.at))
	}
	return pass("3 executions, the slowest begun %s after its upload", slowest.Round(10*time.Millisecond))
}

// worked returns a check that the task of a state succeeded for each of these samples.
func worked(state string, names ...string) func(context.Context, *run) Line {
	return func(ctx context.Context, r *run) Line {
		var longest time.Duration
		var failures []string
		for _, name := range names {
			p, line := r.probe(ctx, name)
			i := slices.IndexFunc(p.execution.visits, func(v visit) bool { return v.state == state })
			if i < 0 {
				if line == nil {
					return fail("the execution of %s did not come to %s", name, state)
				}
				if line.Outcome == Fail {
					return notChecked("the execution of %s did not come to %s: %s", name, state, line.Seen)
				}
				return *line
			}
			v := p.execution.visits[i]
			failures = append(failures, v.errors...)
			if !v.done {
				if len(v.errors) == 0 {
					return fail("%s has not ended for %s: %s", state, name, p.execution.problem)
				}
				return fail("%s failed for %s: %s", state, name, strings.Join(v.errors, "; "))
			}
			longest = max(longest, v.left.Sub(v.began))
		}
		seen := fmt.Sprintf("%d of this run's executions, %s at most", len(names), longest.Round(time.Millisecond))
		if len(failures) > 0 {
			seen += fmt.Sprintf("; %s tried again: %s", times(len(failures)), failures[0])
		}
		return pass("%s", seen)
	}
}

func promoted(ctx context.Context, r *run) Line {
	if !r.stack.threeBuckets() {
		return off("BucketLayout=%s has no function promote", r.stack.Parameters["BucketLayout"])
	}
	return worked("Promote", clean)(ctx, r)
}
