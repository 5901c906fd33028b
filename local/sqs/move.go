package sqs

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
)

// moveTask carried the messages out of a dead-letter queue that were visible, as
// ListMessageMoveTasks tells of it. It is over before its start is answered: the
// store needs little time, so there is nothing to cancel and no rate to keep.
type moveTask struct {
	Status                            string
	SourceArn                         string
	DestinationArn                    string `json:",omitempty"` // empty: where each message came from
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64  // milliseconds
}

// mostMoved bounds how many messages a transaction moves, so that others are
// served between two.
const mostMoved = 1000

type moveInput struct {
	SourceArn, DestinationArn string
	MaxResults                *int
}

func (c call) startMove(in moveInput) (any, error) {
	now := time.Now()
	t := moveTask{Status: "COMPLETED", SourceArn: in.SourceArn, DestinationArn: in.DestinationArn, StartedTimestamp: now.UnixMilli()}
	for more := true; more; {
		err := c.store.Update(func(tx *bbolt.Tx) error {
			q, err := c.moveSource(tx, in)
			if err != nil {
				return err
			}
			next := t
			tx.OnCommit(func() { t = next })
			more, err = q.moveSome(&next, now)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return map[string]string{"TaskHandle": newID()}, nil
}

// moveSome moves the next messages that were visible at the task's start, and
// keeps the task when there are no more.
func (q *queue) moveSome(t *moveTask, started time.Time) (more bool, err error) {
	var visible []uint64
	for key := range q.from(time.Time{}) {
		at, n := split(key)
		if more = len(visible) == mostMoved; more || at.After(started) {
			break
		}
		visible = append(visible, n)
	}
	t.ApproximateNumberOfMessagesToMove += len(visible)
	for _, n := range visible {
		m, err := q.get(n)
		if err == nil {
			t.FailureReason, err = q.move(m, t.DestinationArn)
		}
		if err != nil {
			return false, err
		}
		if t.FailureReason != "" {
			t.Status, more = "FAILED", false
			break
		}
		t.ApproximateNumberOfMessagesMoved++
	}
	if more {
		return true, nil
	}
	moves := q.bucket.Bucket(movesKey)
	n, err := moves.NextSequence()
	if err != nil {
		return false, err
	}
	return false, store.PutJSON(moves, number(n), t)
}

// move gives the reason why a message cannot be moved. One that no redrive policy
// put there (sent directly, by EventBridge, by a state machine) has no source to
// go back to, and fails the task: SQS Developer Guide, "Troubleshoot issues with
// dead-letter queue redrive".
func (q *queue) move(m *message, destination string) (failure string, err error) {
	destination = cmp.Or(destination, m.Source)
	if destination == "" {
		return "CouldNotDetermineMessageSource", nil
	}
	to, err := q.service.queue(q.bucket.Tx(), nameOf(destination))
	if errors.Is(err, errNoQueue) {
		return "AWS.SimpleQueueService.NonExistentQueue", nil
	}
	if err == nil {
		err = q.delete(m)
	}
	if err != nil {
		return "", err
	}
	// A redriven message is a new one: new id, new retention, no receives
	// (SQS Developer Guide, "Configure a dead-letter queue redrive").
	now := time.Now()
	to.wake()
	return "", to.put(&message{ID: newID(), Body: m.Body, Attributes: m.Attributes, Sent: now}, now)
}

// moveSource returns the queue to move from, or says in AWS's words why a task
// cannot be started.
func (s *Service) moveSource(tx *bbolt.Tx, in moveInput) (*queue, error) {
	all := tx.Bucket(allQueues)
	source, isDeadLetterQueue := nameOf(in.SourceArn), false
	err := all.ForEachBucket(func(name []byte) error {
		q, err := s.queue(tx, string(name))
		isDeadLetterQueue = isDeadLetterQueue || err == nil && nameOf(q.DeadLetterARN) == source
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case source == "":
		return nil, missing("SourceArn")
	case all.Bucket([]byte(source)) == nil:
		return nil, noQueueAt("SourceArn")
	case !isDeadLetterQueue:
		return nil, invalid("Source queue must be configured as a Dead Letter Queue.")
	case in.DestinationArn == in.SourceArn:
		return nil, invalid("Source queue arn and destination queue arn cannot be the same.")
	case in.DestinationArn != "" && all.Bucket([]byte(nameOf(in.DestinationArn))) == nil:
		return nil, noQueueAt("DestinationArn")
	}
	return s.queue(tx, source)
}

func noQueueAt(parameter string) error {
	return &Error{Code: "ResourceNotFoundException", Message: "The resource that you specified for the " + parameter + " parameter doesn't exist."}
}

// listMoves lists the newest first, and one alone where MaxResults does not say.
func (c call) listMoves(in moveInput) (any, error) {
	limit, results := 1, []json.RawMessage{}
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	err := c.on(nameOf(in.SourceArn), c.store.View, func(q *queue) error {
		moves := q.bucket.Bucket(movesKey).Cursor()
		for key, task := moves.Last(); key != nil && len(results) < limit; key, task = moves.Prev() {
			results = append(results, slices.Clone(task))
		}
		return nil
	})
	if errors.Is(err, errNoQueue) {
		err = noQueueAt("SourceArn")
	}
	return map[string]any{"Results": results}, err
}
