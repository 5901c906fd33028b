package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bucket reads an AWS::S3::Bucket.
func (b *builder) bucket(i identity, properties map[string]any) error {
	var p struct {
		VersioningConfiguration   struct{ Status string }
		NotificationConfiguration struct {
			QueueConfigurations []struct {
				Event, Queue string
				Filter       struct {
					S3Key struct {
						Rules []struct{ Name, Value string }
					}
				}
			}
			EventBridgeConfiguration                  *struct{ EventBridgeEnabled *truth }
			TopicConfigurations, LambdaConfigurations any
		}
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	n := p.NotificationConfiguration
	if n.TopicConfigurations != nil || n.LambdaConfigurations != nil {
		return errors.New("notifications of a bucket go to queues or to EventBridge only")
	}
	bucket := Bucket{Name: i.name, Versioned: p.VersioningConfiguration.Status == "Enabled"}
	if e := n.EventBridgeConfiguration; e != nil {
		bucket.EventBridge = e.EventBridgeEnabled == nil || bool(*e.EventBridgeEnabled)
	}
	for _, q := range n.QueueConfigurations {
		notification := Notification{Event: q.Event, QueueARN: q.Queue}
		for _, rule := range q.Filter.S3Key.Rules {
			switch strings.ToLower(rule.Name) {
			case "prefix":
				notification.Prefix = rule.Value
			case "suffix":
				notification.Suffix = rule.Value
			default:
				return fmt.Errorf("notification filter: unknown rule %q", rule.Name)
			}
		}
		bucket.Notifications = append(bucket.Notifications, notification)
	}
	b.app.Buckets = append(b.app.Buckets, bucket)
	return nil
}

// bucketPolicy completes the bucket that the policy names. A policy for a bucket outside the template is ignored.
func (b *builder) bucketPolicy(_ identity, properties map[string]any) error {
	var p struct {
		Bucket         string
		PolicyDocument json.RawMessage
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.Bucket == "" || p.PolicyDocument == nil {
		return errors.New("want Bucket and PolicyDocument")
	}
	for i := range b.app.Buckets {
		if b.app.Buckets[i].Name == p.Bucket {
			b.app.Buckets[i].Policy = p.PolicyDocument
		}
	}
	return nil
}

// queue reads an AWS::SQS::Queue. The defaults are those of CreateQueue.
func (b *builder) queue(i identity, properties map[string]any) error {
	p := struct {
		VisibilityTimeout, MessageRetentionPeriod, DelaySeconds number
		FifoQueue                                               truth
		RedrivePolicy                                           struct {
			DeadLetterTargetArn string
			MaxReceiveCount     number
		}
	}{VisibilityTimeout: 30, MessageRetentionPeriod: 4 * 24 * 60 * 60}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.FifoQueue || p.DelaySeconds != 0 {
		return errors.New("FIFO queues and delays are not supported")
	}
	b.app.Queues = append(b.app.Queues, Queue{
		Name: i.name, ARN: i.arn,
		VisibilityTimeout: p.VisibilityTimeout.seconds(), Retention: p.MessageRetentionPeriod.seconds(),
		DeadLetterARN: p.RedrivePolicy.DeadLetterTargetArn, MaxReceiveCount: int(p.RedrivePolicy.MaxReceiveCount),
	})
	return nil
}

// topic reads an AWS::SNS::Topic.
func (b *builder) topic(i identity, properties map[string]any) error {
	if properties["Subscription"] != nil {
		return errors.New("subscriptions inside a topic are not supported")
	}
	b.app.Topics = append(b.app.Topics, Topic{Name: i.name, ARN: i.arn})
	return nil
}

// subscription adds an address to its topic.
func (b *builder) subscription(_ identity, properties map[string]any) error {
	var p struct{ TopicArn, Protocol, Endpoint string }
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.Protocol != "email" {
		return fmt.Errorf("subscriptions are by email; the protocol %q is not supported", p.Protocol)
	}
	for i := range b.app.Topics {
		if b.app.Topics[i].ARN == p.TopicArn {
			b.app.Topics[i].Emails = append(b.app.Topics[i].Emails, p.Endpoint)
		}
	}
	return nil
}

// rule reads an AWS::Events::Rule.
func (b *builder) rule(i identity, properties map[string]any) error {
	var p struct {
		EventBusName, State string
		EventPattern        json.RawMessage
		Targets             []struct {
			Id, Arn                     string
			Input                       text
			InputPath, InputTransformer any
		}
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.EventPattern == nil || p.EventBusName != "" || p.State == "DISABLED" {
		return errors.New("rules are on the default bus, enabled, and have an EventPattern; others are not supported")
	}
	rule := Rule{Name: i.name, Pattern: p.EventPattern}
	for _, t := range p.Targets {
		if t.InputPath != nil || t.InputTransformer != nil {
			return errors.New("a target gets the event as it is, or an Input; paths and transformers are not supported")
		}
		if t.Input != "" && !json.Valid([]byte(t.Input)) {
			return fmt.Errorf("target %s: its Input %q is not JSON", t.Id, t.Input)
		}
		rule.Targets = append(rule.Targets, Target{ID: t.Id, ARN: t.Arn, Input: string(t.Input)})
	}
	b.app.Rules = append(b.app.Rules, rule)
	return nil
}

// role is the one given, or the one that SAM makes.
func (b *builder) role(id, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	i, err := b.identify(id + "Role")
	return i.arn, err
}

// withGlobals merges the section of Globals for the resource's kind into its properties as SAM does: maps are merged,
// lists appended, and of two values the resource's own counts.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/ (Globals section)
func withGlobals(globals map[string]any, kind string, properties map[string]any) map[string]any {
	section, ok := strings.CutPrefix(kind, "AWS::Serverless::")
	shared, _ := globals[section].(map[string]any)
	if !ok || len(shared) == 0 {
		return properties
	}
	return merge(shared, properties).(map[string]any)
}

// merge takes intrinsic functions for values: it does not look into them.
func merge(shared, own any) any {
	switch o := own.(type) {
	case map[string]any:
		s, ok := shared.(map[string]any)
		if _, _, isCall := call(s); !ok || isCall {
			return own
		}
		if _, _, isCall := call(o); isCall {
			return own
		}
		out := maps.Clone(s)
		for key, v := range o {
			if common, both := s[key]; both {
				v = merge(common, v)
			}
			out[key] = v
		}
		return out
	case []any:
		if s, ok := shared.([]any); ok {
			return slices.Concat(s, o)
		}
	}
	return own
}
