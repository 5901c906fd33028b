package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// bucket reads an AWS::S3::Bucket.
func (b *builder) bucket(r resource, properties map[string]any) error {
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
	i, err := b.identify(r.id)
	if err != nil {
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

// bucketPolicy completes the bucket that the policy names. One for a bucket
// outside the template has nothing to guard here.
func (b *builder) bucketPolicy(_ resource, properties map[string]any) error {
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
func (b *builder) queue(r resource, properties map[string]any) error {
	p := struct {
		VisibilityTimeout, MessageRetentionPeriod, DelaySeconds number
		FifoQueue                                               truth
		RedrivePolicy                                           struct {
			DeadLetterTargetArn string `json:"deadLetterTargetArn"`
			MaxReceiveCount     number `json:"maxReceiveCount"`
		}
	}{VisibilityTimeout: 30, MessageRetentionPeriod: number(4 * 24 * time.Hour / time.Second)}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.FifoQueue {
		return errors.New("FIFO queues are not supported")
	}
	i, err := b.identify(r.id)
	if err != nil {
		return err
	}
	b.app.Queues = append(b.app.Queues, Queue{
		Name: i.name, ARN: i.attributes["Arn"],
		VisibilityTimeout: p.VisibilityTimeout.seconds(), Retention: p.MessageRetentionPeriod.seconds(), Delay: p.DelaySeconds.seconds(),
		DeadLetterARN: p.RedrivePolicy.DeadLetterTargetArn, MaxReceiveCount: int(p.RedrivePolicy.MaxReceiveCount),
	})
	return nil
}

// topic reads an AWS::SNS::Topic.
func (b *builder) topic(r resource, properties map[string]any) error {
	if properties["Subscription"] != nil {
		return errors.New("subscriptions inside a topic are not supported")
	}
	i, err := b.identify(r.id)
	b.app.Topics = append(b.app.Topics, Topic{Name: i.name, ARN: i.ref})
	return err
}

// subscription adds an address to the topic of the template that it subscribes to.
func (b *builder) subscription(_ resource, properties map[string]any) error {
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
