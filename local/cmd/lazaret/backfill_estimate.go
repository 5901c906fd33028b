package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// estimate is what a backfill takes if every object matches.
type estimate struct {
	versions float64
	sweep    plan.Sweep
	burst    plan.Burst
	options  plan.Options
	assumed  error // why the stack's parameters are not known, and the template's defaults were taken
	prices   string
}

// newEstimate plans the scans of these objects with the parameters of the stack.
func newEstimate(
	ctx context.Context, cfg aws.Config, stack deployment.Stack, objects *workload.Objects,
) (estimate, error) {
	e := estimate{options: plan.Defaults()}
	e.assumed = readOptions(ctx, cfg, stack.Name, &e.options)
	p, err := plan.New(e.options)
	if err != nil {
		return e, err
	}
	e.versions, _ = objects.Total()
	e.prices = p.Prices().Date
	e.sweep = p.Sweep(e.versions, e.versions)
	report, err := p.Report(plan.Input{Sizes: objects, Burst: e.versions})
	if err != nil {
		return e, err
	}
	e.burst = *report.Burst
	return e, nil
}

// readOptions reads those parameters of the stack that time and cost depend on.
func readOptions(ctx context.Context, cfg aws.Config, stack string, o *plan.Options) error {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx,
		&cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil || len(out.Stacks) != 1 {
		return cmp.Or(err, fmt.Errorf("CloudFormation has no stack %s", stack))
	}
	for _, p := range out.Stacks[0].Parameters {
		value := aws.ToString(p.ParameterValue)
		number, _ := strconv.Atoi(value)
		switch aws.ToString(p.ParameterKey) {
		case "Workflow":
			o.Workflow = plan.Workflow(value)
		case "BucketLayout":
			o.ThreeBuckets = value == "three-bucket"
		case "MaxConcurrentScans":
			o.MaxConcurrentScans = number
		case "ScanMemory":
			o.ScanMemory = number
		}
	}
	return nil
}

// print says how long it takes and what it costs at most.
func (e estimate) print(w io.Writer, r sweep.Request) {
	fmt.Fprintf(w, "to look at their tags:   %s, %s\n", plan.Dollars(e.sweep.Dollars), plan.Hours(e.sweep.Took))
	if r.DryRun {
		return
	}
	atMost := ""
	if r.Question != sweep.All {
		atMost = " at most, if all of them match"
	}
	fmt.Fprintf(w, "to scan them:            %s, %s%s; with uploads in between it takes longer\n",
		plan.Dollars(e.burst.Dollars), plan.Hours(e.burst.Drain.Took), atMost)
	fmt.Fprintf(w, "(estimates for AWS at the list prices of %s; Workflow %s, MaxConcurrentScans %d)\n",
		e.prices, e.options.Workflow, e.options.MaxConcurrentScans)
	if e.assumed != nil {
		fmt.Fprintf(w, "The stack's parameters could not be read, so these are the template's: %v\n", e.assumed)
	}
	if e.burst.Drain.Took > 6*24*time.Hour {
		fmt.Fprintln(w, "The queue of rescans keeps messages for seven days. Scan a part of the bucket at a time, by prefix.")
	}
}

// dailyInUse returns the version of the daily definitions that the stack uses.
func dailyInUse(ctx context.Context, cfg aws.Config, stack deployment.Stack) (int, error) {
	var listing update.Listing
	err := deployment.Invoke(ctx, lambda.NewFromConfig(cfg), stack.Function("freshclam"),
		update.Request{Definitions: update.List}, &listing)
	if err != nil {
		return 0, startError{fmt.Errorf("ask which definitions are in use: %w", err)}
	}
	for _, g := range listing.Generations {
		if g.Fingerprint == listing.Current && g.Version > 0 {
			return g.Version, nil
		}
	}
	return 0, startError{fmt.Errorf("%s has no daily definitions in use: give --definitions", stack.Name)}
}
