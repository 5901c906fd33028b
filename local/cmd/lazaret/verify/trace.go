package verify

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

var checkWholeTrace = Check{
	Name: "trace", Claim: "a sampled execution's trace has no gap from dispatch to its end",
	Needs: []string{"xray:BatchGetTraces", "states:DescribeExecution"},
	Run: func(ctx context.Context, r *run) Line {
		isExpress := false
		for _, name := range []string{infected, encrypted, clean} {
			p, _ := r.probe(ctx, name)
			isExpress = isExpress || p.execution.lane == history.Express
			if p.execution.lane == history.Express || p.execution.job.Scan == nil {
				continue
			}
			x, err := r.histories.Get(ctx, p.execution.arn, history.Window{})
			if err != nil {
				return errorLine(ctx, err, "look at the execution of "+name, "states:DescribeExecution")
			}
			if strings.Contains(x.Trace, "Sampled=1") {
				return r.checkTrace(ctx, x.Trace, p.execution)
			}
		}
		switch {
		case r.stack.Account == localAccount:
			return notChecked("no X-Ray here")
		case isExpress:
			return notChecked("the log of express executions does not name their traces")
		}
		return notChecked("not sampled: X-Ray's rule took none of this run's executions")
	},
}

// checkTrace reads the trace of an execution's trace header, and waits until X-Ray has a segment of dispatch, of the
// state machine, and of the function of each state that the execution visited.
func (r *run) checkTrace(ctx context.Context, header string, s execution) Line {
	root := ""
	for part := range strings.SplitSeq(header, ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(part), "Root="); ok {
			root = id
		}
	}
	const function, machine = "AWS::Lambda", "AWS::StepFunctions" // what origins begin with
	wanted := []segment{
		{r.stack.function("dispatch"), function},
		{
			r.stack.Outputs["StateMachineArn"][strings.LastIndexByte(r.stack.Outputs["StateMachineArn"], ':')+1:],
			machine,
		},
	}
	for _, v := range s.visits {
		if v.done {
			wanted = append(wanted, segment{r.stack.function(strings.ToLower(v.state)), function})
		}
	}
	limited, cancel := context.WithTimeout(ctx, r.traceWithin)
	defer cancel()
	for {
		out, err := r.xray.BatchGetTraces(limited, &xray.BatchGetTracesInput{TraceIds: []string{root}})
		if err != nil && (limited.Err() == nil || refused(err)) {
			return errorLine(ctx, err, "read trace "+root, "xray:BatchGetTraces")
		}
		var found []segment
		if err == nil {
			for _, t := range out.Traces {
				for _, document := range t.Segments {
					var one segment
					_ = json.Unmarshal(
						[]byte(aws.ToString(document.Document)),
						&one,
					) // a segment that cannot be decoded is a gap
					found = append(found, one)
				}
			}
		}
		gaps := slices.DeleteFunc(slices.Clone(wanted), func(w segment) bool {
			return slices.ContainsFunc(
				found,
				func(f segment) bool { return f.Name == w.Name && strings.HasPrefix(f.Origin, w.Origin) },
			)
		})
		if len(gaps) == 0 {
			return pass("%s has %s", root, segmentNames(wanted))
		}
		select {
		case <-limited.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return notChecked("stopped before trace %s was whole", root)
			}
			return fail("%s lacks %s after %s", root, segmentNames(gaps), r.traceWithin)
		case <-time.After(2 * time.Second):
		}
	}
}

// segment is a segment of a trace. The function scan and the state machine scan have the same name and other origins.
type segment struct{ Name, Origin string }

func segmentNames(segments []segment) string {
	names := make([]string, len(segments))
	for i, s := range segments {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
