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
)

// traceWithin is how long X-Ray may take to have every segment of a trace.
const traceWithin = 45 * time.Second

var traceIsWhole = Check{
	Name: "trace", Claim: "a sampled execution's trace has no gap from dispatch to its end",
	Needs: []string{"xray:BatchGetTraces", "states:DescribeExecution"},
	Run: func(ctx context.Context, r *run) Line {
		var sampled *probe
		for _, name := range []string{infected, encrypted, clean} {
			p, _ := r.probe(ctx, name)
			if strings.Contains(p.story.trace, "Sampled=1") && p.story.job.Scan != nil {
				sampled = p
				break
			}
		}
		if sampled == nil {
			if r.stack.Account == localAccount {
				return notChecked("no X-Ray here")
			}
			return notChecked("not sampled: X-Ray's rule took none of this run's executions")
		}
		return r.whole(ctx, sampled.story)
	},
}

// whole waits until X-Ray has a segment of dispatch, of the machine, and of the function
// of each state that the execution visited.
func (r *run) whole(ctx context.Context, s story) Line {
	root := ""
	for part := range strings.SplitSeq(s.trace, ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(part), "Root="); ok {
			root = id
		}
	}
	wanted := []string{r.stack.function("dispatch"), r.stack.Outputs["StateMachineArn"][strings.LastIndexByte(r.stack.Outputs["StateMachineArn"], ':')+1:]}
	for _, v := range s.visits {
		if v.done {
			wanted = append(wanted, r.stack.function(strings.ToLower(v.state)))
		}
	}
	limited, cancel := context.WithTimeout(ctx, traceWithin)
	defer cancel()
	for {
		out, err := r.xray.BatchGetTraces(limited, &xray.BatchGetTracesInput{TraceIds: []string{root}})
		if err != nil && limited.Err() == nil {
			return unknown(ctx, err, "read trace "+root, "xray:BatchGetTraces")
		}
		names := map[string]bool{}
		if err == nil {
			for _, t := range out.Traces {
				for _, segment := range t.Segments {
					var document named
					_ = json.Unmarshal([]byte(aws.ToString(segment.Document)), &document) // one that cannot be read is a gap
					document.collect(names)
				}
			}
		}
		gaps := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return names[name] })
		if len(gaps) == 0 {
			return pass("%s has %s", root, strings.Join(wanted, ", "))
		}
		select {
		case <-limited.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return notChecked("stopped before trace %s was whole", root)
			}
			return fail("%s lacks %s after %s", root, strings.Join(gaps, ", "), traceWithin)
		case <-time.After(2 * time.Second):
		}
	}
}

// named is a segment, or one of its subsegments.
type named struct {
	Name        string
	Subsegments []named
}

func (n named) collect(into map[string]bool) {
	into[n.Name] = true
	for _, s := range n.Subsegments {
		s.collect(into)
	}
}
