// Package verify is the acceptance test of a deployed stack: it uploads a few
// objects of its own, watches what becomes of them, tries what must be refused,
// and looks at what only rings when something is wrong. It speaks AWS's APIs
// alone, so that the local stack is verified by the same code. The command
// `lazaret verify` and the demo call it.
//
// Each Check proves one claim and stands in a file of its own or beside its
// kin; a new one is an entry in Checks. Nothing that could not be tried is ever
// told as a pass.
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

// ErrStart is why verifying could not begin: nothing was uploaded.
var ErrStart = errors.New("cannot verify")

// Options say what is verified and how.
type Options struct {
	Config aws.Config // credentials, region and endpoint
	Stack  string     // its name

	// Within bounds the checks; what is removed afterwards takes up to half a
	// minute more. 150 s when zero.
	Within time.Duration
	// StartWithin is how long an upload may wait for its execution, and a message
	// for its dead letter. A minute when zero, of Within.
	StartWithin time.Duration

	JSON bool // print the report as JSON, and all else to Progress
}

// Report is everything that was seen, and the format of --output json.
type Report struct {
	Stack   string    `json:"stack"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Caller  string    `json:"caller"` // ARN
	Run     string    `json:"run"`    // part of every name that the run leaves
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Wrong   bool      `json:"wrong"`             // a line is a failure, or none is a pass
	Stopped bool      `json:"stopped,omitempty"` // by a signal, before the end
	Lines   []Line    `json:"lines"`             // in the order of Checks
	Left    []string  `json:"left"`              // what remains, in words
}

// Run verifies a stack. Lines go to out as they come, or the whole report as JSON
// at the end, and what else is to be said to progress. The error is an ErrStart, or that
// nothing could be written; what is wrong with the stack is in the report.
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
	told := out
	if o.JSON {
		told = progress
	}
	if err := r.introduce(told); err != nil {
		return Report{}, err
	}
	if p := r.first(limited); refused(p.err) {
		return Report{}, fmt.Errorf(
			"%w %s: upload s3://%s/%s as %s: %w",
			ErrStart,
			o.Stack,
			p.object.Bucket,
			p.object.Key,
			r.stack.Caller,
			p.err,
		)
	}
	report := Report{
		Stack: r.stack.Name, Account: r.stack.Account, Region: r.stack.Region, Caller: r.stack.Caller, Run: r.id,
		Started: time.Now().UTC().Truncate(time.Second), Lines: make([]Line, len(checks)),
	}
	var mu sync.Mutex // of the writer
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			line := c.carryOut(limited, r)
			mu.Lock()
			defer mu.Unlock()
			report.Lines[i] = line
			printLine(told, line)
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

// Err is nil when nothing is wrong, and names the checks that failed.
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
