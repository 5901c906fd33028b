package sqs

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Limits of StartMessageMoveTask and ListMessageMoveTasks.
const (
	maxMoveRate = 500 // messages a second
	maxMoves    = 10  // tasks listed at once
)

// maxRemembered bounds the tasks of all queues together; there are a handful of
// dead-letter queues.
const maxRemembered = 100

// moveTask carries the messages out of a dead-letter queue that were visible
// when it started.
type moveTask struct {
	handle              string
	source, destination string // ARNs; an empty destination is where each message came from
	rate                int    // messages a second; 0: as fast as they go
	started             time.Time
	status, reason      string
	moved, total        int
	cancel              chan struct{}
}

type moveInput struct {
	SourceArn, DestinationArn, TaskHandle    string
	MaxNumberOfMessagesPerSecond, MaxResults *int
}

func (c call) startMove(in moveInput) (any, error) {
	t := &moveTask{source: in.SourceArn, destination: in.DestinationArn, started: time.Now(), status: "RUNNING", cancel: make(chan struct{})}
	t.handle = base64.StdEncoding.EncodeToString([]byte(newID() + " " + in.SourceArn))
	if n := in.MaxNumberOfMessagesPerSecond; n != nil {
		if t.rate = *n; t.rate < 1 || t.rate > maxMoveRate {
			return nil, outOfRange("MaxNumberOfMessagesPerSecond", t.rate, 1, maxMoveRate)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkMove(t); err != nil {
		return nil, err
	}
	var ids []string
	from := c.queues[nameOf(t.source)]
	from.expire(t.started)
	for _, m := range from.messages {
		if !m.VisibleAt.After(t.started) {
			ids = append(ids, m.ID)
		}
	}
	t.total = len(ids)
	if c.moves = append(c.moves, t); len(c.moves) > maxRemembered {
		c.moves = slices.Delete(c.moves, 0, 1)
	}
	c.tasks.Go(func() { c.run(t, ids) })
	return map[string]string{"TaskHandle": t.handle}, nil
}

// checkMove answers in AWS's words what a task cannot be started for.
func (s *Service) checkMove(t *moveTask) error {
	gone := func(parameter string) error {
		return &Error{Code: "ResourceNotFoundException", Message: "The resource that you specified for the " + parameter + " parameter doesn't exist."}
	}
	isSource := func(q *queue) bool { return nameOf(q.DeadLetterARN) == nameOf(t.source) }
	sources := 0
	for _, q := range s.queues {
		if isSource(q) {
			sources++
		}
	}
	switch {
	case t.source == "":
		return missing("SourceArn")
	case s.queues[nameOf(t.source)] == nil:
		return gone("SourceArn")
	case sources == 0:
		return invalid("Source queue must be configured as a Dead Letter Queue.")
	case t.destination == t.source:
		return invalid("Source queue arn and destination queue arn cannot be the same.")
	case t.destination != "" && s.queues[nameOf(t.destination)] == nil:
		return gone("DestinationArn")
	case slices.ContainsFunc(s.moves, func(o *moveTask) bool { return o.source == t.source && o.status == "RUNNING" }):
		return invalid("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	}
	return nil
}

type moveResult struct {
	TaskHandle                        string `json:",omitempty"` // while it runs: of use for cancelling only
	Status                            string
	SourceArn                         string
	DestinationArn                    string `json:",omitempty"`
	MaxNumberOfMessagesPerSecond      int    `json:",omitempty"`
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64  // milliseconds
}

func (c call) listMoves(in moveInput) (any, error) {
	limit := 1 // the API's default
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if limit < 1 || limit > maxMoves {
		return nil, outOfRange("MaxResults", limit, 1, maxMoves)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues[nameOf(in.SourceArn)] == nil {
		return nil, &Error{Code: "ResourceNotFoundException", Message: "The resource that you specified for the SourceArn parameter doesn't exist."}
	}
	results := []moveResult{}
	for _, t := range slices.Backward(c.moves) {
		if t.source != in.SourceArn || len(results) == limit {
			continue
		}
		r := moveResult{"", t.status, t.source, t.destination, t.rate, t.moved, t.total, t.reason, t.started.UnixMilli()}
		if t.status == "RUNNING" {
			r.TaskHandle = t.handle
		}
		results = append(results, r)
	}
	return map[string]any{"Results": results}, nil
}

func (c call) cancelMove(in moveInput) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.moves, func(t *moveTask) bool { return t.handle == strings.TrimSpace(in.TaskHandle) })
	if i < 0 {
		return nil, &Error{Code: "ResourceNotFoundException", Message: "Task does not exist."}
	}
	t := c.moves[i]
	if t.status != "RUNNING" {
		return nil, &Error{Code: "UnsupportedOperation", Message: "Only active tasks can be cancelled."}
	}
	t.status = "CANCELLED"
	close(t.cancel)
	return map[string]int{"ApproximateNumberOfMessagesMoved": t.moved}, nil
}
