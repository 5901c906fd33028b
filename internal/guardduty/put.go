package guardduty

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/awserr"
)

// API is what Put calls of EventBridge.
type API interface {
	PutEvents(
		context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}

// Entry returns the event for PutEvents. Its resource is the bucket, where GuardDuty names its protection plan.
func (d Detail) Entry(bus string) (types.PutEventsRequestEntry, error) {
	text, err := d.JSON()
	return types.PutEventsRequestEntry{
		Source: aws.String(Source), DetailType: aws.String(DetailType), Detail: &text, EventBusName: &bus,
		Resources: []string{"arn:aws:s3:::" + d.Object.BucketName},
	}, err
}

// Put puts the event on a bus, given by its name or ARN. The error is classified for the state machine (awserr).
func Put(ctx context.Context, client API, bus string, d Detail) error {
	entry, err := d.Entry(bus)
	if err != nil {
		return err
	}
	if err := PutEntries(ctx, client, entry); err != nil {
		return fmt.Errorf("put the event about %s on the bus %s: %w", d.Lazaret.ID, bus, awserr.Classify(err))
	}
	return nil
}

// PutEntries puts up to ten events. One of them can fail although the request succeeded: that is the error then, and
// whoever tries again puts the others again too.
func PutEntries(ctx context.Context, client API, entries ...types.PutEventsRequestEntry) error {
	out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return err
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			return &smithy.GenericAPIError{Code: *e.ErrorCode, Message: aws.ToString(e.ErrorMessage)}
		}
	}
	return nil
}
