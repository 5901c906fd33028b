package sqs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// aboutQueue is a request about a queue.
type aboutQueue struct {
	QueueUrl, QueueName string
	AttributeNames      []string
	Attributes          map[string]string
}

func (in aboutQueue) queue() string { return nameOf(cmp.Or(in.QueueUrl, in.QueueName)) }

// queueURL begins with the name by which the client calls the endpoint.
func queueURL(r *http.Request, name string) any {
	return map[string]string{"QueueUrl": "http://" + r.Host + "/" + template.Account + "/" + name}
}

// createQueue makes a queue with the settings that CreateQueue has as defaults. A queue that exists stays as it is.
func (s *Service) createQueue(r *http.Request, in aboutQueue) (any, error) {
	for name := range in.Attributes {
		return nil, unknownAttribute(name)
	}
	if !queueName.MatchString(in.QueueName) {
		return nil, invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return queueURL(r, in.QueueName), s.store.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(allQueues).Bucket([]byte(in.QueueName)) != nil {
			return nil
		}
		return put(tx, template.Queue{
			Name: in.QueueName, ARN: template.ARN("sqs", in.QueueName),
			VisibilityTimeout: 30 * time.Second, Retention: 4 * 24 * time.Hour,
		})
	})
}

func (q *queue) deleteQueue(aboutQueue) (any, error) {
	q.wake() // waiting receives end with an error
	return nil, q.bucket.Tx().Bucket(allQueues).DeleteBucket([]byte(q.Name))
}

func (s *Service) getQueueURL(r *http.Request, in aboutQueue) (any, error) {
	return queueURL(r, in.QueueName), s.on(in.QueueName, s.store.View, func(*queue) error { return nil })
}

func (s *Service) getQueueAttributes(_ *http.Request, in aboutQueue) (any, error) {
	var all map[string]string
	err := s.on(in.queue(), s.store.View, func(q *queue) error {
		all = q.attributes(time.Now())
		return nil
	})
	return map[string]any{"Attributes": asked(all, in.AttributeNames)}, err
}

// attributes are all that GetQueueAttributes can answer.
func (q *queue) attributes(now time.Time) map[string]string {
	hidden := 0
	for range q.from(now.Add(1)) {
		hidden++
	}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	a := map[string]string{
		"QueueArn":                              q.ARN,
		"ApproximateNumberOfMessages":           strconv.Itoa(int(q.due.Sequence()) - hidden),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"VisibilityTimeout":                     seconds(q.VisibilityTimeout),
		"MessageRetentionPeriod":                seconds(q.Retention),
	}
	if q.DeadLetterARN != "" {
		const policy = `{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`
		a["RedrivePolicy"] = fmt.Sprintf(policy, q.DeadLetterARN, q.MaxReceiveCount)
	}
	return a
}

// setQueueAttributes changes the RedrivePolicy. An empty one takes the dead-letter queue away.
func (q *queue) setQueueAttributes(in aboutQueue) (any, error) {
	changed := q.Queue
	for name, value := range in.Attributes {
		if name != "RedrivePolicy" {
			return nil, unknownAttribute(name)
		}
		var p struct {
			DeadLetterTargetArn string
			MaxReceiveCount     json.Number // SDKs write a number or a string
		}
		err := json.Unmarshal([]byte(cmp.Or(value, "{}")), &p)
		count, _ := strconv.Atoi(p.MaxReceiveCount.String())
		if err != nil || p.DeadLetterTargetArn == q.ARN || p.DeadLetterTargetArn != "" && count < 1 {
			return nil, api.Refuse("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
		}
		changed.DeadLetterARN, changed.MaxReceiveCount = p.DeadLetterTargetArn, count
	}
	return nil, put(q.bucket.Tx(), changed)
}

func unknownAttribute(name string) error {
	return api.Refuse("InvalidAttributeName", "Unknown Attribute %s.", name)
}
