package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topics "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/job"
)

// source and detailType are the fields of the event by which EventBridge rules select it.
const (
	source     = "lazaret"
	detailType = "Object Scanned"
)

// snsAPI is what notify calls of SNS.
type snsAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// handler announces a verdict on an SNS topic and on an event bus.
type handler struct {
	sns    snsAPI
	events guardduty.API
	topic  string // ARN
	bus    string // name or ARN
	stack  string // name, for the commands in messages
	canary canary.Place
}

// handle announces the verdict of j and returns j unchanged. It does not announce the samples of function canary, which
// concern nobody: only objects with exactly their bytes, where canary puts them.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	if h.canary.IsSample(j) {
		return j, nil
	}
	if err := h.announce(ctx, j); err != nil {
		return job.Job{}, fmt.Errorf("announce %s: %w", j.Object, err)
	}
	return j, nil
}

func (h *handler) announce(ctx context.Context, j job.Job) error {
	if !j.Scan.Known() {
		return fmt.Errorf("%w: %s", job.ErrBadJob, j.Scan.Outcome())
	}
	var events []buses.PutEventsRequestEntry
	// A clean object may come here for GuardDuty's event alone.
	if j.Scan.Verdict != job.Clean || j.Policy.AnnounceClean {
		a := newAnnouncement(j, h.stack)
		body, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if err := h.publish(ctx, j, a, string(body)); err != nil {
			return fmt.Errorf("publish to %s: %w", h.topic, awserr.Classify(err))
		}
		events = append(events, buses.PutEventsRequestEntry{
			Source: aws.String(source), DetailType: aws.String(detailType), Detail: aws.String(string(body)),
			EventBusName: &h.bus, Resources: []string{"arn:aws:s3:::" + j.Object.Bucket},
		})
	}
	if j.Policy.GuardDutyEvents {
		detail, err := guardduty.FromVerdict(j)
		if err != nil {
			return err
		}
		entry, err := detail.Entry(h.bus)
		if err != nil {
			return err
		}
		events = append(events, entry)
	}
	if len(events) == 0 {
		return nil
	}
	if err := guardduty.PutEntries(ctx, h.events, events...); err != nil {
		return fmt.Errorf("put events on %s: %w", h.bus, awserr.Classify(err))
	}
	return nil
}

// publish sends the announcement to the topic: as a text to addresses of people, and as JSON to all other subscribers.
// Subscriptions filter by the attributes.
func (h *handler) publish(ctx context.Context, j job.Job, a announcement, body string) error {
	message, err := json.Marshal(map[string]string{"default": body, "email": a.text()})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = h.sns.Publish(ctx, &sns.PublishInput{
		TopicArn: &h.topic, Subject: aws.String(subject(j)),
		Message: aws.String(string(message)), MessageStructure: aws.String("json"),
		MessageAttributes: attributes(j, a.Disposition),
	})
	return err
}

// attributes returns the message attributes. One without a value is left out: SNS takes no empty ones.
func attributes(j job.Job, disposition string) map[string]topics.MessageAttributeValue {
	all := map[string]topics.MessageAttributeValue{}
	for name, value := range map[string]string{
		"verdict": string(j.Scan.Verdict), "bucket": j.Object.Bucket, "signature": j.Scan.Signature,
		"reason": string(j.Scan.Reason), "disposition": disposition,
	} {
		if value = legal(value); value != "" {
			all[name] = topics.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	return all
}
