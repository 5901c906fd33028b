package sqs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// durations are the attributes that are numbers of seconds, with their most.
var durations = map[string]struct {
	most  time.Duration
	field func(*settings) *time.Duration
}{
	"VisibilityTimeout":             {maxVisibility, func(s *settings) *time.Duration { return &s.VisibilityTimeout }},
	"MessageRetentionPeriod":        {14 * 24 * time.Hour, func(s *settings) *time.Duration { return &s.Retention }},
	"DelaySeconds":                  {maxDelay, func(s *settings) *time.Duration { return &s.Delay }},
	"ReceiveMessageWaitTimeSeconds": {maxWait * time.Second, func(s *settings) *time.Duration { return &s.Wait }},
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

// count is zero where there is none that can be used.
func (p redrivePolicy) count() int {
	n, _ := strconv.Atoi(p.Count.String())
	return n
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
		duration, isDuration := durations[name]
		ok := true
		switch {
		case name == "RedrivePolicy":
			var p redrivePolicy
			err := json.Unmarshal([]byte(cmp.Or(value, "{}")), &p)
			s.DeadLetterARN, s.MaxReceiveCount = p.Target, p.count()
			ok = err == nil && p.Target != s.ARN && (p.Target == "" || s.MaxReceiveCount > 0)
		case isDuration:
			n, err := strconv.Atoi(value)
			*duration.field(&s) = time.Duration(n) * time.Second
			ok = err == nil && n >= 0 && *duration.field(&s) <= duration.most
		case slices.Contains(stored, name):
			if s.Other == nil {
				s.Other = make(map[string]string)
			}
			s.Other[name] = value
		default:
			return s, &Error{Code: "InvalidAttributeName", Message: "Unknown Attribute " + name + "."}
		}
		if !ok {
			return s, &Error{Code: "InvalidAttributeValue", Message: fmt.Sprintf("Invalid value for the parameter %s.", name)}
		}
	}
	return s, nil
}

// attributes are all that GetQueueAttributes can answer.
func (q *queue) attributes(now time.Time) map[string]string {
	var hidden, delayed int
	for _, mark := range q.from(now.Add(1)) {
		if len(mark) > 0 {
			hidden++
		} else {
			delayed++
		}
	}
	secs := func(d time.Duration) string { return strconv.Itoa(seconds(d)) }
	a := map[string]string{
		"QueueArn":                              q.ARN,
		"ApproximateNumberOfMessages":           strconv.Itoa(int(q.due.Sequence()) - hidden - delayed),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
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
