package plan

import (
	"math"
	"time"
)

// The sizes of a sweep, which statemachine/sweep.asl.json and functions/sweep have.
const (
	sweepPage     = 1000 // versions that S3 lists at once
	sweepAtOnce   = 32   // tags that an invocation reads at once
	sweepParallel = 2    // pages that are judged at once
	sweepMemory   = 1.0  // GB of the function
	sweepStates   = 9    // that an execution of one round enters, without its pages
	sweepBatch    = 10   // messages in a request to SQS
)

// Sweep is a look at the tags of versions.
type Sweep struct {
	Line
	Took time.Duration
}

// Sweep returns what it costs to look at versions, and to send those that match to the queue of rescans, and how long
// it takes. What the scans of these cost is not in it.
func (p *Planner) Sweep(versions, matched float64) Sweep {
	pages := math.Ceil(versions / sweepPage)
	listing := pages * p.times.Wait("s3.write").Seconds()
	judging := pages * math.Ceil(math.Min(versions, sweepPage)/sweepAtOnce) * p.times.Wait("s3.read").Seconds()
	l := ledger{prices: p.prices}
	const name = "sweep"
	l.add(name, "s3.read", versions)
	l.add(name, "s3.write", 2*pages+math.Ceil(math.Min(matched, pages))) // listed twice; a record where something matches
	// A page is an execution with one state. As for any distributed map, AWS also bills its start.
	l.add(name, "states.transition", 2*pages+sweepStates)
	l.add(name, "lambda.request", pages+sweepStates)
	l.add(name, "lambda.duration", sweepMemory*(listing+judging))
	l.add(name, "sqs.request", math.Ceil(matched/sweepBatch))
	return Sweep{
		Line: l.close()[0],
		Took: time.Duration((listing + judging/math.Min(math.Max(pages, 1), sweepParallel)) * float64(time.Second)),
	}
}
