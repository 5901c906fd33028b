package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/decision"
)

// source and detailType are the fields of the event by which EventBridge rules select it.
const (
	source     = "lazaret"
	detailType = "Operator Decision"
)

// snsAPI is what release calls of SNS.
type snsAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// eventBridgeAPI is what release calls of EventBridge.
type eventBridgeAPI interface {
	PutEvents(
		context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}

// announce tells people on the alerts topic, and programs on the event bus. The topic is for everybody who gets alarms
// and is not encrypted, so that the message names no object's key; the event has the whole record.
func (h *handler) announce(ctx context.Context, record decision.Record) error {
	if err := h.publish(ctx, record); err != nil {
		return fmt.Errorf("publish to %s: %w", h.topic, awserr.Classify(err))
	}
	detail, err := json.Marshal(record)
	if err == nil {
		err = h.putEvent(ctx, string(detail))
	}
	if err != nil {
		return fmt.Errorf("put event on %s: %w", h.bus, awserr.Classify(err))
	}
	return nil
}

func (h *handler) publish(ctx context.Context, record decision.Record) error {
	_, err := h.sns.Publish(ctx, &sns.PublishInput{
		TopicArn: &h.topic, Subject: aws.String("Lazaret: a content was " + subject(record)),
		Message: aws.String(message(record, h.records)),
	})
	return err
}

// subject says in a few words what was decided.
func subject(record decision.Record) string {
	switch record.Decision {
	case decision.DecidedRemove:
		return "taken off the allowed ones"
	case decision.DecidedUnblock:
		return "taken off the blocked ones"
	}
	return record.Decision
}

// message says what was decided, by whom and why, one statement a line.
func message(record decision.Record, records string) string {
	lines := []string{"A content was " + subject(record) + ".", "SHA-256: " + record.SHA256}
	if record.Signature != "" {
		lines = append(lines, "Signature: "+record.Signature, "Copy in quarantine: "+record.Copy)
	}
	if record.Expires != nil {
		lines = append(lines, "Allowed until: "+record.Expires.Format("2006-01-02 15:04:05 UTC"))
	}
	lines = append(lines, "By: "+record.By, "Reason: "+record.Reason,
		"Record: s3://"+records+"/"+decision.RecordKey(record.Time, record.SHA256))
	return strings.Join(lines, "\n")
}

func (h *handler) putEvent(ctx context.Context, detail string) error {
	out, err := h.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []buses.PutEventsRequestEntry{{
		Source: aws.String(source), DetailType: aws.String(detailType), Detail: &detail, EventBusName: &h.bus,
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
