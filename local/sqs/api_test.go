package sqs_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

func TestMessageOverTheAPI(t *testing.T) {
	t.Parallel()
	client, base := overHTTP(t, newService(t, pair()))
	found, err := client.GetQueueUrl(t.Context(), &api.GetQueueUrlInput{QueueName: aws.String("lazaret-uploads")})
	if err != nil {
		t.Fatal(err)
	}
	if want := base + "/000000000000/lazaret-uploads"; *found.QueueUrl != want {
		t.Errorf("queue URL %s, want %s", *found.QueueUrl, want)
	}
	sent, err := client.SendMessage(t.Context(), &api.SendMessageInput{
		QueueUrl:    found.QueueUrl,
		MessageBody: aws.String("tab\tπ 🦠"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"timestamp": {DataType: aws.String("Number"), StringValue: aws.String("1493147359900")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{
		QueueUrl: aws.String(
			"https://sqs.elsewhere.test/123456789012/lazaret-uploads",
		), // any host will do
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount"},
		MessageAttributeNames:       []string{"timestamp"},
	})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("received %v, %v, want one message", got, err)
	}
	m := got.Messages[0]
	if *m.MessageId != *sent.MessageId || *m.Body != "tab\tπ 🦠" {
		t.Errorf("got message %s %q, want the one that was sent, %s", *m.MessageId, *m.Body, *sent.MessageId)
	}
	want := map[string]string{"ApproximateReceiveCount": "1"}
	if diff := cmp.Diff(want, m.Attributes); diff != "" {
		t.Errorf("system attributes (-want +got):\n%s", diff)
	}
	if v := m.MessageAttributes["timestamp"]; aws.ToString(v.StringValue) != "1493147359900" {
		t.Errorf("got message attribute %v, want the one that was sent", v)
	}
	for range 2 { // deleting twice is no error
		if _, err := client.DeleteMessage(
			t.Context(),
			&api.DeleteMessageInput{QueueUrl: found.QueueUrl, ReceiptHandle: m.ReceiptHandle},
		); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAttributesNotAskedForStayAway(t *testing.T) {
	t.Parallel()
	client, base := overHTTP(t, newService(t, pair()))
	url := aws.String(base + "/000000000000/lazaret-uploads")
	attributes := map[string]types.MessageAttributeValue{
		"bytes": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1}},
	}
	if _, err := client.SendMessage(
		t.Context(),
		&api.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), MessageAttributes: attributes},
	); err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(
		t.Context(),
		&api.ReceiveMessageInput{
			QueueUrl:                    url,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"SentTimestamp"},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	m := got.Messages[0]
	if m.MessageAttributes != nil || len(m.Attributes) != 1 || m.Attributes["SentTimestamp"] == "" {
		t.Errorf("got %v, %v; want SentTimestamp alone", m.MessageAttributes, m.Attributes)
	}
}

func TestVisibilityOverTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		client := inBubble(s)
		send(t, s, uploads, "x")
		url := aws.String("http://sqs.test/000000000000/lazaret-uploads")
		count := func() map[string]string {
			out, err := client.GetQueueAttributes(
				t.Context(),
				&api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{
					"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
				}},
			)
			if err != nil {
				t.Fatal(err)
			}
			return out.Attributes
		}
		expect := func(step, visible, hidden string) {
			t.Helper()
			want := map[string]string{"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": hidden}
			if diff := cmp.Diff(want, count()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step, diff)
			}
		}
		expect("sent", "1", "0")
		got, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: url, VisibilityTimeout: 5})
		if err != nil {
			t.Fatal(err)
		}
		expect("received", "0", "1")
		change := func(seconds int32) error {
			_, err := client.ChangeMessageVisibility(
				t.Context(),
				&api.ChangeMessageVisibilityInput{
					QueueUrl:          url,
					ReceiptHandle:     got.Messages[0].ReceiptHandle,
					VisibilityTimeout: seconds,
				},
			)
			return err
		}
		if err := change(60); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		expect("extended", "0", "1")
		if err := change(0); err != nil {
			t.Fatal(err)
		}
		expect("released", "1", "0")
		var idle *types.MessageNotInflight
		if err := change(5); !errors.As(err, &idle) {
			t.Errorf("change of a visible message: %v, want MessageNotInflight", err)
		}
	})
}

func TestBatches(t *testing.T) {
	t.Parallel()
	client, base := overHTTP(t, newService(t, pair()))
	url := aws.String(base + "/000000000000/lazaret-uploads")
	sent, err := client.SendMessageBatch(
		t.Context(),
		&api.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("good"), MessageBody: aws.String("1")},
			{Id: aws.String("bad"), MessageBody: aws.String("\x01")},
			{Id: aws.String("better"), MessageBody: aws.String("2")},
		}},
	)
	if err != nil || len(sent.Successful) != 2 || len(sent.Failed) != 1 {
		t.Fatalf("sent %+v, %v, want two successes and a failure", sent, err)
	}
	if f := sent.Failed[0]; *f.Id != "bad" || *f.Code != "InvalidMessageContents" || !f.SenderFault {
		t.Errorf("got failed entry %s %s %v, want bad InvalidMessageContents true", *f.Id, *f.Code, f.SenderFault)
	}
	got, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) != 2 {
		t.Fatalf("received %+v, %v, want two messages", got, err)
	}
	changed, err := client.ChangeMessageVisibilityBatch(
		t.Context(),
		&api.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("a"), ReceiptHandle: got.Messages[0].ReceiptHandle, VisibilityTimeout: 100},
			{Id: aws.String("b"), ReceiptHandle: aws.String("nonsense"), VisibilityTimeout: 100},
		}},
	)
	if err != nil || len(changed.Successful) != 1 || len(changed.Failed) != 1 ||
		*changed.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatalf("changed %+v, %v, want a success and ReceiptHandleIsInvalid", changed, err)
	}
	var entries []types.DeleteMessageBatchRequestEntry
	for _, m := range got.Messages {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
	}
	deleted, err := client.DeleteMessageBatch(t.Context(), &api.DeleteMessageBatchInput{QueueUrl: url, Entries: entries})
	if err != nil || len(deleted.Successful) != 2 {
		t.Fatalf("deleted %+v, %v, want two successes", deleted, err)
	}
}

// TestErrors expects what the Go SDK's ErrorCode returns, which is the name of
// the query protocol where that differs from the exception's.
func TestErrors(t *testing.T) {
	t.Parallel()
	client, base := overHTTP(t, newService(t, pair()))
	url := aws.String(base + "/000000000000/lazaret-uploads")
	big := aws.String(strings.Repeat("x", 1<<20+1))
	entry := func(id, body *string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: id, MessageBody: body}
	}
	sendBatch := func(entries ...types.SendMessageBatchRequestEntry) func() error {
		return func() error {
			_, err := client.SendMessageBatch(t.Context(), &api.SendMessageBatchInput{QueueUrl: url, Entries: entries})
			return err
		}
	}
	id := aws.String("a")
	half := aws.String(strings.Repeat("x", 1<<19+1))
	tests := []struct {
		name string
		call func() error
		want string
	}{
		{"no such queue", func() error {
			_, err := client.SendMessage(
				t.Context(),
				&api.SendMessageInput{QueueUrl: aws.String(base + "/000000000000/none"), MessageBody: id},
			)
			return err
		}, "AWS.SimpleQueueService.NonExistentQueue"},
		{"no such queue by name", func() error {
			_, err := client.GetQueueUrl(t.Context(), &api.GetQueueUrlInput{QueueName: aws.String("none")})
			return err
		}, "AWS.SimpleQueueService.NonExistentQueue"},
		{"empty body", func() error {
			_, err := client.SendMessage(t.Context(), &api.SendMessageInput{QueueUrl: url, MessageBody: aws.String("")})
			return err
		}, "MissingParameter"},
		{"body too long", func() error {
			_, err := client.SendMessage(t.Context(), &api.SendMessageInput{QueueUrl: url, MessageBody: big})
			return err
		}, "InvalidParameterValue"},
		{"delay", func() error {
			_, err := client.SendMessage(t.Context(), &api.SendMessageInput{QueueUrl: url, MessageBody: id, DelaySeconds: 1})
			return err
		}, "AWS.SimpleQueueService.UnsupportedOperation"},
		{"too many at once", func() error {
			_, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 11})
			return err
		}, "InvalidParameterValue"},
		{"wait too long", func() error {
			_, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 21})
			return err
		}, "InvalidParameterValue"},
		{"receipt", func() error {
			_, err := client.DeleteMessage(t.Context(), &api.DeleteMessageInput{QueueUrl: url, ReceiptHandle: id})
			return err
		}, "ReceiptHandleIsInvalid"},
		{"attribute name", func() error {
			_, err := client.SetQueueAttributes(
				t.Context(),
				&api.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"DelaySeconds": "1"}},
			)
			return err
		}, "InvalidAttributeName"},
		{"redrive to itself", func() error {
			_, err := client.SetQueueAttributes(
				t.Context(),
				&api.SetQueueAttributesInput{
					QueueUrl:   url,
					Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + uploads + `","maxReceiveCount":3}`},
				},
			)
			return err
		}, "InvalidAttributeValue"},
		{"redrive without a count", func() error {
			_, err := client.SetQueueAttributes(
				t.Context(),
				&api.SetQueueAttributesInput{
					QueueUrl:   url,
					Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + dead + `"}`},
				},
			)
			return err
		}, "InvalidAttributeValue"},
		{"attribute value", func() error {
			_, err := client.SetQueueAttributes(
				t.Context(),
				&api.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"RedrivePolicy": "{"}},
			)
			return err
		}, "InvalidAttributeValue"},
		{"FIFO", func() error {
			_, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: aws.String("a.fifo")})
			return err
		}, "InvalidParameterValue"},
		{"queue with attributes", func() error {
			_, err := client.CreateQueue(
				t.Context(),
				&api.CreateQueueInput{
					QueueName:  aws.String("lazaret-uploads"),
					Attributes: map[string]string{"VisibilityTimeout": "1"},
				},
			)
			return err
		}, "InvalidAttributeName"},
		{"empty batch", sendBatch([]types.SendMessageBatchRequestEntry{}...), "AWS.SimpleQueueService.EmptyBatchRequest"},
		{"same id twice", sendBatch(entry(id, id), entry(id, id)), "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"},
		{"bad id", sendBatch(entry(aws.String("a b"), id)), "AWS.SimpleQueueService.InvalidBatchEntryId"},
		{
			"batch too long",
			sendBatch(entry(id, half), entry(aws.String("b"), half)),
			"AWS.SimpleQueueService.BatchRequestTooLong",
		},
		{"unknown operation", func() error {
			_, err := client.ListQueueTags(t.Context(), &api.ListQueueTagsInput{QueueUrl: url})
			return err
		}, "UnknownOperationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call()
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	var typed *types.QueueDoesNotExist
	if err := tests[0].call(); !errors.As(err, &typed) {
		t.Errorf("got %T, want a typed QueueDoesNotExist", err)
	}
}

// TestErrorOnTheWire pins what clients map to exceptions: boto3 by the header,
// newer SDKs by __type.
func TestErrorOnTheWire(t *testing.T) {
	t.Parallel()
	_, base := overHTTP(t, newService(t, nil))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base, strings.NewReader(`{"QueueName":"none"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonSQS.GetQueueUrl")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`
	if answer.StatusCode != http.StatusBadRequest || strings.TrimSpace(string(body)) != want {
		t.Errorf("got %d %s, want 400 %s", answer.StatusCode, body, want)
	}
	if got := answer.Header.Get("x-amzn-query-error"); got != "AWS.SimpleQueueService.NonExistentQueue;Sender" {
		t.Errorf("got x-amzn-query-error %s, want the name of the query protocol", got)
	}
}
