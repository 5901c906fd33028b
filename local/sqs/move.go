package sqs

import (
	"slices"
	"time"
)

// moveTask carried the messages out of a dead-letter queue that were visible. It
// is over before its start is answered: memory needs no time, so there is nothing
// to cancel and no rate to keep.
type moveTask struct {
	source, destination string // ARNs; an empty destination is where each message came from
	started             time.Time
	status, reason      string
	moved, total        int
}

type moveInput struct {
	SourceArn, DestinationArn string
	MaxResults                *int
}

func (c call) startMove(in moveInput) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkMove(in.SourceArn, in.DestinationArn); err != nil {
		return nil, err
	}
	t := &moveTask{source: in.SourceArn, destination: in.DestinationArn, started: time.Now(), status: "COMPLETED"}
	from := c.queues[nameOf(t.source)]
	var visible []*message
	for _, m := range from.messages {
		if !m.VisibleAt.After(t.started) {
			visible = append(visible, m)
		}
	}
	t.total = len(visible)
	for _, m := range visible {
		if t.reason = c.move(m, from, t.destination); t.reason != "" {
			t.status = "FAILED"
			break
		}
		t.moved++
	}
	c.moves = append(c.moves, t)
	return map[string]string{"TaskHandle": newID()}, nil
}

// move gives the reason why a message cannot be moved. One that no redrive policy
// put there (sent directly, by EventBridge, by a state machine) has no source to
// go back to, and fails the task: SQS Developer Guide, "Troubleshoot issues with
// dead-letter queue redrive".
func (s *Service) move(m *message, from *queue, destination string) (failure string) {
	if destination == "" {
		destination = m.Source
	}
	if destination == "" {
		return "CouldNotDetermineMessageSource"
	}
	to := s.queues[nameOf(destination)]
	if to == nil {
		return "AWS.SimpleQueueService.NonExistentQueue"
	}
	// A redriven message is a new one: new id, new retention, no receives
	// (SQS Developer Guide, "Configure a dead-letter queue redrive").
	now := time.Now()
	fresh := &message{ID: newID(), Body: m.Body, Attributes: m.Attributes, Sent: now, VisibleAt: now}
	if err := s.commit(entry{Op: opPut, Queue: to.Name, Message: fresh, From: from.Name, ID: m.ID}); err != nil {
		return err.Error()
	}
	return ""
}

// checkMove answers in AWS's words what a task cannot be started for.
func (s *Service) checkMove(source, destination string) error {
	isDeadLetterQueue := false
	for _, q := range s.queues {
		isDeadLetterQueue = isDeadLetterQueue || nameOf(q.DeadLetterARN) == nameOf(source)
	}
	switch {
	case source == "":
		return missing("SourceArn")
	case s.queues[nameOf(source)] == nil:
		return noQueueAt("SourceArn")
	case !isDeadLetterQueue:
		return invalid("Source queue must be configured as a Dead Letter Queue.")
	case destination == source:
		return invalid("Source queue arn and destination queue arn cannot be the same.")
	case destination != "" && s.queues[nameOf(destination)] == nil:
		return noQueueAt("DestinationArn")
	}
	return nil
}

func noQueueAt(parameter string) error {
	return &Error{Code: "ResourceNotFoundException", Message: "The resource that you specified for the " + parameter + " parameter doesn't exist."}
}

type moveResult struct {
	Status                            string
	SourceArn                         string
	DestinationArn                    string `json:",omitempty"`
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64  // milliseconds
}

// listMoves lists the newest first, and one alone where MaxResults does not say.
func (c call) listMoves(in moveInput) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues[nameOf(in.SourceArn)] == nil {
		return nil, noQueueAt("SourceArn")
	}
	limit := 1
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	results := []moveResult{}
	for _, t := range slices.Backward(c.moves) {
		if t.source == in.SourceArn && len(results) < limit {
			results = append(results, moveResult{t.status, t.source, t.destination, t.moved, t.total, t.reason, t.started.UnixMilli()})
		}
	}
	return map[string]any{"Results": results}, nil
}
