package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// longestPattern is how long a filter pattern of CloudWatch Logs may be, in characters:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
const longestPattern = 1024

// complete adds to express executions of which the log's beginning or end was read what the other says.
func (r *Reader) complete(ctx context.Context, executions []taken, left *int) error {
	byARN := map[string]*taken{}
	var ids []string
	window := Window{}
	for i := range executions {
		x := &executions[i]
		byARN[x.ARN] = x
		ids = append(ids, x.ARN[strings.LastIndexByte(x.ARN, ':')+1:])
		at := time.UnixMilli(x.at)
		if window.Since.IsZero() || at.Before(window.Since) {
			window.Since = at
		}
		if at.After(window.Until) {
			window.Until = at
		}
	}
	defer func() {
		for i := range executions {
			executions[i].Execution = executions[i].withoutEnd()
		}
	}()
	return r.lookUp(ctx, window, ids, "*", left, func(e Event, arn string) {
		if x := byARN[arn]; x != nil {
			x.apply(e)
		}
	})
}

// lookUp reads the beginnings and ends of the express executions whose ARNs have these texts at their end, before a
// rest: as many in a request as a pattern holds. An execution lasts at most five minutes, so that they are near the
// events in the window.
func (r *Reader) lookUp(
	ctx context.Context, w Window, ids []string, pattern string, left *int, found func(Event, string),
) error {
	if len(ids) == 0 {
		return nil
	}
	const near = longestExpress + time.Minute
	w = Window{Since: w.Since.Add(-near), Until: w.Until.Add(near)}
	var alternatives []string
	length := 0
	ask := func() error {
		for line, err := range r.filter(ctx, filter{
			group: r.source.ExpressLog, comparison: strings.Join(alternatives, "||"), window: w, oldestFirst: true,
			requests: left,
		}) {
			if unended, ok := errors.AsType[*unended](err); ok {
				return unended.error // its token is of no use to the caller
			}
			if err != nil {
				return err
			}
			e, arn, err := decode(line)
			if err != nil {
				return fmt.Errorf("read %s: %w", r.source.ExpressLog, err)
			}
			found(e, arn)
		}
		alternatives, length = nil, 0
		return nil
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		one := quoted("$.type", "Execution*") + "&&" + quoted("$.execution_arn", strings.Replace(pattern, "*", "*"+id, 1))
		if length+len(one)+len("{  }||") > longestPattern {
			if err := ask(); err != nil {
				return err
			}
		}
		alternatives, length = append(alternatives, one), length+len(one)+len("||")
	}
	return ask()
}
