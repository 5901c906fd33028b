package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topics "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/awserr"
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

// eventBridgeAPI is what notify calls of EventBridge.
type eventBridgeAPI interface {
	PutEvents(
		context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}

// handler announces a verdict on an SNS topic and on an event bus.
type handler struct {
	sns    snsAPI
	events eventBridgeAPI
	topic  string // ARN
	bus    string // name or ARN
}

// handle announces the verdict of j and returns j unchanged.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	if err := h.announce(ctx, j); err != nil {
		return job.Job{}, fmt.Errorf("announce %s: %w", j.Object, err)
	}
	return j, nil
}

func (h *handler) announce(ctx context.Context, j job.Job) error {
	if !j.Scan.Known() {
		return fmt.Errorf("%w: %s", job.ErrBadJob, j.Scan.Outcome())
	}
	body, err := json.Marshal(newAnnouncement(j))
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := h.publish(ctx, j, string(body)); err != nil {
		return fmt.Errorf("publish to %s: %w", h.topic, awserr.Classify(err))
	}
	if err := h.putEvent(ctx, j, string(body)); err != nil {
		return fmt.Errorf("put event on %s: %w", h.bus, awserr.Classify(err))
	}
	return nil
}

// publish sends the announcement to the topic, with the message attributes on which subscriptions
// filter.
func (h *handler) publish(ctx context.Context, j job.Job, body string) error {
	attribute := func(v string) topics.MessageAttributeValue {
		return topics.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	_, err := h.sns.Publish(ctx, &sns.PublishInput{
		TopicArn: &h.topic, Subject: aws.String(subject(j)), Message: &body,
		MessageAttributes: map[string]topics.MessageAttributeValue{
			"verdict": attribute(string(j.Scan.Verdict)), "bucket": attribute(j.Object.Bucket),
		},
	})
	return err
}

// putEvent puts the announcement on the event bus.
func (h *handler) putEvent(ctx context.Context, j job.Job, body string) error {
	out, err := h.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []buses.PutEventsRequestEntry{{
		Source: aws.String(source), DetailType: aws.String(detailType), Detail: &body, EventBusName: &h.bus,
		Resources: []string{"arn:aws:s3:::" + j.Object.Bucket},
	}}})
	if err != nil {
		return err
	}
	for _, e := range out.Entries { // one entry can fail although the request succeeded
		if e.ErrorCode != nil {
			return &smithy.GenericAPIError{Code: *e.ErrorCode, Message: aws.ToString(e.ErrorMessage)}
		}
	}
	return nil
}
