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

// source and detailType are what rules of the user's own match on.
const (
	source     = "lazaret"
	detailType = "Object Scanned"
)

type publisher interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

type putter interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// handler announces a verdict on the topic and on the event bus.
type handler struct {
	sns    publisher
	events putter
	topic  string // ARN
	bus    string
}

func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	if !j.Scan.Known() {
		return j, fmt.Errorf("%w: announce %s: %s", job.ErrBadJob, j.Object, j.Scan.Outcome())
	}
	body, err := json.Marshal(announce(j))
	if err != nil {
		return j, fmt.Errorf("announce %s: encode: %w", j.Object, err)
	}
	if err := h.publish(ctx, j, string(body)); err != nil {
		return j, fmt.Errorf("announce %s: publish to %s: %w", j.Object, h.topic, awserr.Classify(err))
	}
	if err := h.put(ctx, j, string(body)); err != nil {
		return j, fmt.Errorf("announce %s: put event on %s: %w", j.Object, h.bus, awserr.Classify(err))
	}
	return j, nil
}

// publish sends the attributes that subscription filters match on along.
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

func (h *handler) put(ctx context.Context, j job.Job, body string) error {
	out, err := h.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []buses.PutEventsRequestEntry{{
		Source: aws.String(source), DetailType: aws.String(detailType), Detail: &body, EventBusName: &h.bus,
		Resources: []string{"arn:aws:s3:::" + j.Object.Bucket},
	}}})
	if err != nil {
		return err
	}
	for _, e := range out.Entries { // an entry fails inside an answer that succeeded
		if e.ErrorCode != nil {
			return &smithy.GenericAPIError{Code: *e.ErrorCode, Message: aws.ToString(e.ErrorMessage)}
		}
	}
	return nil
}
