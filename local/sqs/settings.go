package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// limits are the attributes that are numbers of seconds.
var limits = map[string]struct {
	low, high time.Duration
	field     func(*settings) *time.Duration
}{
	"VisibilityTimeout":             {0, maxVisibility, func(s *settings) *time.Duration { return &s.VisibilityTimeout }},
	"MessageRetentionPeriod":        {time.Minute, 14 * 24 * time.Hour, func(s *settings) *time.Duration { return &s.Retention }},
	"DelaySeconds":                  {0, maxDelay, func(s *settings) *time.Duration { return &s.Delay }},
	"ReceiveMessageWaitTimeSeconds": {0, maxWait * time.Second, func(s *settings) *time.Duration { return &s.Wait }},
}

// stored are the attributes that are kept and shown, and change nothing here.
// Policy is among them because a queue that a topic sends to needs one on AWS.
var stored = []string{"Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "MaximumMessageSize"}

// redrivePolicy is the attribute of that name. SDKs and templates write the
// count as a number or as a string.
type redrivePolicy struct {
	Target string      `json:"deadLetterTargetArn"`
	Count  json.Number `json:"maxReceiveCount"`
}

// defaults are the settings of a queue that says nothing else (CreateQueue in
// the API reference).
func defaults(name string) settings {
	return settings{Queue: template.Queue{
		Name:              name,
		ARN:               fmt.Sprintf("arn:%s:sqs:%s:%s:%s", template.Partition, template.Region, template.Account, name),
		VisibilityTimeout: 30 * time.Second,
		Retention:         4 * 24 * time.Hour,
	}}
}

// with returns the settings changed by SetQueueAttributes' map.
func (s settings) with(attributes map[string]string) (settings, error) {
	s.Other = maps.Clone(s.Other)
	for name, value := range attributes {
		wrong := &Error{Code: "InvalidAttributeValue", Message: fmt.Sprintf("Invalid value for the parameter %s.", name)}
		if name == "RedrivePolicy" {
			var p redrivePolicy
			if value == "" {
				s.DeadLetterARN, s.MaxReceiveCount = "", 0
				continue
			}
			if json.Unmarshal([]byte(value), &p) != nil || !strings.HasPrefix(p.Target, "arn:") || p.Target == s.ARN {
				return s, wrong
			}
			n, err := strconv.Atoi(p.Count.String())
			if err != nil || n < 1 || n > 1000 {
				return s, wrong
			}
			s.DeadLetterARN, s.MaxReceiveCount = p.Target, n
			continue
		}
		if slices.Contains(stored, name) {
			if s.Other == nil {
				s.Other = make(map[string]string)
			}
			s.Other[name] = value
			continue
		}
		limit, ok := limits[name]
		if !ok {
			return s, &Error{Code: "InvalidAttributeName", Message: "Unknown Attribute " + name + "."}
		}
		n, err := strconv.Atoi(value)
		d := time.Duration(n) * time.Second
		if err != nil || d < limit.low || d > limit.high {
			return s, wrong
		}
		*limit.field(&s) = d
	}
	return s, nil
}

// attributes are all that GetQueueAttributes can answer.
func (q *queue) attributes(now time.Time) map[string]string {
	q.expire(now)
	var hidden, delayed int
	for _, m := range q.messages {
		switch {
		case !m.VisibleAt.After(now):
		case m.receipt == "":
			delayed++
		default:
			hidden++
		}
	}
	secs := func(d time.Duration) string { return strconv.Itoa(seconds(d)) }
	a := map[string]string{
		"QueueArn":                              q.ARN,
		"ApproximateNumberOfMessages":           strconv.Itoa(len(q.messages) - hidden - delayed),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"CreatedTimestamp":                      strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(q.modified.Unix(), 10),
		"VisibilityTimeout":                     secs(q.VisibilityTimeout),
		"MessageRetentionPeriod":                secs(q.Retention),
		"DelaySeconds":                          secs(q.Delay),
		"ReceiveMessageWaitTimeSeconds":         secs(q.Wait),
		"MaximumMessageSize":                    strconv.Itoa(maxSize),
	}
	if q.DeadLetterARN != "" {
		a["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, q.DeadLetterARN, q.MaxReceiveCount)
	}
	maps.Copy(a, q.Other)
	return a
}
