package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
)

// mostRequests bounds the requests of one search. CloudWatch answers some five a second to all users of an account
// together, and reads megabytes of the log for each, of which the answer may hold nothing.
const mostRequests = 300

// mostLines is how many lines an answer of CloudWatch has at most.
const mostLines = 10_000

// logEvent is an event as Step Functions writes it to the log group, one JSON document an event:
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
type logEvent struct {
	ID        string     `json:"id"`
	Type      string     `json:"type"`
	Details   logDetails `json:"details"`
	Timestamp string     `json:"event_timestamp"` // Unix time in ms
	Execution string     `json:"execution_arn"`
}

// logDetails are the details of all types of events; each type has some of them. Input and output are JSON in a text,
// and miss if the state machine does not log execution data.
type logDetails struct {
	Name   string `json:"name"`
	Input  string `json:"input"`
	Output string `json:"output"`
	Error  string `json:"error"`
	Cause  string `json:"cause"`

	InputDetails  struct{ Truncated bool } `json:"inputDetails"`
	OutputDetails struct{ Truncated bool } `json:"outputDetails"`
}

// decode returns the event in a line of the log and the ARN of its execution.
func decode(line string) (Event, string, error) {
	var e logEvent
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		return Event{}, "", fmt.Errorf("decode a log event: %w", err)
	}
	id, err := strconv.ParseInt(e.ID, 10, 64)
	ms, wrong := strconv.ParseInt(e.Timestamp, 10, 64)
	if err = errors.Join(err, wrong); err != nil || e.Execution == "" {
		return Event{}, "", fmt.Errorf("decode a log event of execution %q: %w", e.Execution, err)
	}
	return Event{
		ID: id, Time: time.UnixMilli(ms), Kind: kindOf(e.Type), Type: e.Type, Status: ends[e.Type],
		State: e.Details.Name, Data: cmp.Or(e.Details.Input, e.Details.Output),
		Cut:   e.Details.InputDetails.Truncated || e.Details.OutputDetails.Truncated,
		Error: e.Details.Error, Cause: e.Details.Cause,
	}, e.Execution, nil
}

// found are events by the ARN of their execution and their id. The log may have an event twice.
type found map[string]map[int64]Event

func (f found) add(arn string, e Event) {
	if f[arn] == nil {
		f[arn] = map[int64]Event{}
	}
	f[arn][e.ID] = e
}

// inOrder returns events in the order of their ids.
func inOrder(byID map[int64]Event) []Event {
	var events []Event
	for _, e := range byID {
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.ID, b.ID) })
	nameStates(events, "")
	return events
}

// quoted returns a comparison of a filter pattern. The value is a text in which * at the end stands for any characters:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func quoted(field, value string) string { return field + ` = "` + value + `"` }

// search returns the events of the log group that a comparison chooses.
func (r *Reader) search(ctx context.Context, comparison string, w Window) (found, error) {
	all := found{}
	for line, err := range r.lines(ctx, comparison, w, true) {
		if err != nil {
			return all, err
		}
		e, arn, err := decode(line)
		if err != nil {
			return all, fmt.Errorf("read %s: %w", r.source.ExpressLog, err)
		}
		all.add(arn, e)
	}
	return all, nil
}

// lines returns the lines of the log group that a comparison chooses, the oldest or the newest first. It ends after an
// error: an ErrNoExpress without such a group, an ErrTooMany after mostRequests.
func (r *Reader) lines(ctx context.Context, comparison string, w Window, oldestFirst bool) iter.Seq2[string, error] {
	if r.source.Express == "" {
		return func(yield func(string, error) bool) { yield("", ErrNoExpress) }
	}
	return r.filter(ctx, filter{group: r.source.ExpressLog, comparison: comparison, window: w, oldestFirst: oldestFirst})
}

// filter is a search in a log group.
type filter struct {
	group, comparison string
	window            Window
	oldestFirst       bool
	limit             int    // of the lines in an answer; 0 for as many as fit
	requests          *int   // how many may still be made; nil for mostRequests
	token             string // of the answer to begin with; empty for the first
}

// unended is an ErrTooMany about a search that can go on.
type unended struct {
	error
	token string
	until time.Time // of the window that the token belongs to
}

func (u *unended) Unwrap() error { return u.error }

// filter returns the lines that were searched for.
func (r *Reader) filter(ctx context.Context, f filter) iter.Seq2[string, error] {
	w, left := f.window.orDefault(), f.requests
	if left == nil {
		most := mostRequests
		left = &most
	}
	return func(yield func(string, error) bool) {
		in := &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: &f.group, FilterPattern: aws.String("{ " + f.comparison + " }"),
			StartTime: aws.Int64(w.Since.UnixMilli()), EndTime: aws.Int64(w.Until.UnixMilli()),
			StartFromHead: aws.Bool(f.oldestFirst),
		}
		if f.limit > 0 {
			in.Limit = aws.Int32(int32(min(f.limit, mostLines))) //nolint:gosec // mostLines fits
		}
		if f.token != "" {
			in.NextToken = &f.token
		}
		requests := 0
		for ; *left > 0; *left-- {
			requests++
			out, err := r.logs.FilterLogEvents(ctx, in)
			if err != nil {
				yield("", r.logError(f.group, err))
				return
			}
			for _, e := range out.Events {
				if !yield(aws.ToString(e.Message), nil) {
					return
				}
			}
			if out.NextToken == nil { // a page without events may have one
				return
			}
			in.NextToken = out.NextToken
		}
		tooMany := fmt.Errorf("%w: the search in %s from %s to %s has not ended after %d requests; choose a shorter one",
			ErrTooMany, f.group, w.Since.UTC().Format(time.DateTime), w.Until.UTC().Format(time.DateTime), requests)
		yield("", &unended{token: aws.ToString(in.NextToken), until: w.Until, error: tooMany})
	}
}

// logError says what CloudWatch was asked for.
func (r *Reader) logError(group string, err error) error {
	doing := "look for executions in the log group " + group
	if group == r.source.ExpressLog {
		if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
			return fmt.Errorf("%w: there is no log group %s", ErrNoExpress, group)
		}
		doing = "look for express executions in the log group " + group
	}
	if isRefused(err) {
		return fmt.Errorf("%s: %w (logs:FilterLogEvents): %w", doing, ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// isRefused reports whether AWS answered that the caller lacks a permission.
func isRefused(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied")
}
