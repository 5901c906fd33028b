package sqs

import (
	"errors"
	"time"

	"github.com/lazaret/lazaret/local/store"
)

// mostReceives is how often a message may have been received to count as the oldest one. SQS puts a message that was
// received more often behind the others of the queue, and CloudWatch's metric ignores it:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
const mostReceives = 3

// Oldest returns the age of a queue's oldest message, received ones included, and 0 for an empty queue. It is
// CloudWatch's metric ApproximateAgeOfOldestMessage. Known is false if there is no such queue.
func (s *Service) Oldest(name string) (age time.Duration, known bool, err error) {
	err = s.on(name, s.store.View, func(q *queue) error {
		c := q.messages.Cursor()
		for key, _ := c.First(); key != nil; key, _ = c.Next() {
			var m message
			if _, err := store.GetJSON(q.messages, key, &m); err != nil {
				return err
			}
			if m.Received <= mostReceives {
				age = max(0, time.Since(m.Sent))
				return nil
			}
		}
		return nil
	})
	if errors.Is(err, errNoQueue) {
		return 0, false, nil
	}
	return age, err == nil, err
}
