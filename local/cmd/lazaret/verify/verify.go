// Package verify is the acceptance test of a deployed stack. It uploads a few objects and waits for their verdicts,
// sends requests that must be refused, and checks alarms, quotas and traces. It calls APIs of AWS only, so that it
// tests the local stack in the same way.
//
// Each Check tests one claim; a new check is an entry in Checks. A check that could not be made is never reported as a
// pass.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrStart says that the verification could not begin: nothing was uploaded.
var ErrStart = errors.New("cannot verify")

// Options select the stack and limit the time.
type Options struct {
	Config aws.Config // credentials, region and endpoint
	Stack  string     // name

	// Within bounds the checks; the default is 150 s. The removal afterwards takes up to half a minute more.
	Within time.Duration
	// StartWithin bounds the time from an upload to its execution, and from an invalid message to its dead letter. The
	// default is a minute.
	StartWithin time.Duration

	JSON bool // print the report as JSON
}

// Report is the result of a verification, and the output of --output json.
type Report struct {
	Stack   string    `json:"stack"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Caller  string    `json:"caller"` // ARN
	Run     string    `json:"run"`    // part of every name that the run leaves
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Wrong   bool      `json:"wrong"`             // a check failed, or none passed
	Stopped bool      `json:"stopped,omitempty"` // by a signal, before the end
	Lines   []Line    `json:"lines"`             // in the order of Checks
	Left    []string  `json:"left"`              // what the run leaves, as text
}

// Run verifies a stack. It prints each line to out when its check ends. With JSON it prints the report to out at the
// end, and the lines to progress. The error is an ErrStart or a failure to write. Failures of the stack are in the
// report.
func Run(ctx context.Context, o Options, out, progress io.Writer) (Report, error) {
	return verify(ctx, o, Checks(), out, progress)
}

func verify(ctx context.Context, o Options, checks []Check, out, progress io.Writer) (Report, error) {
	o.Within = orDefault(o.Within, 150*time.Second)
	o.StartWithin = min(o.Within, orDefault(o.StartWithin, time.Minute))
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, o.Within)
	defer cancel()
	r, err := prepare(limited, o)
	if err != nil {
		return Report{}, fmt.Errorf("%w %s: %w", ErrStart, o.Stack, err)
	}
	lines := out
	if o.JSON {
		lines = progress
	}
	if err := r.introduce(lines); err != nil {
		return Report{}, err
	}
	if p := r.first(limited); refused(p.err) {
		return Report{}, fmt.Errorf("%w %s: upload s3://%s/%s as %s: %w",
			ErrStart, o.Stack, p.object.Bucket, p.object.Key, r.stack.Caller, p.err)
	}
	report := Report{
		Stack: r.stack.Name, Account: r.stack.Account, Region: r.stack.Region, Caller: r.stack.Caller, Run: r.id,
		Started: time.Now().UTC().Truncate(time.Second), Lines: make([]Line, len(checks)),
	}
	var mu sync.Mutex // of the writer
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			line := c.execute(limited, r)
			mu.Lock()
			defer mu.Unlock()
			report.Lines[i] = line
			printLine(lines, line)
		})
	}
	wg.Wait()
	report.Left = r.remove(ctx)
	report.Stopped = ctx.Err() != nil
	report.Seconds = time.Since(began).Round(100 * time.Millisecond).Seconds()
	report.Wrong = report.count(Fail) > 0 || report.count(Pass) == 0 && !report.Stopped
	if o.JSON {
		return report, printJSON(out, report)
	}
	return report, printEnd(out, report)
}

// Err returns an error that names the checks that failed, or nil if nothing is wrong.
func (r Report) Err() error {
	var failed []string
	for _, l := range r.Lines {
		if l.Outcome == Fail {
			failed = append(failed, l.Check)
		}
	}
	switch {
	case failed != nil:
		return fmt.Errorf("something is wrong with the stack %s: %s", r.Stack, strings.Join(failed, ", "))
	case r.Wrong:
		return fmt.Errorf("nothing of the stack %s could be checked", r.Stack)
	}
	return nil
}

func (r Report) count(o Outcome) (n int) {
	for _, l := range r.Lines {
		if l.Outcome == o {
			n++
		}
	}
	return n
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
