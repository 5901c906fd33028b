package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/testing/sqsfake"
)

// sends is a queue whose SendMessage is a function.
type sends struct {
	*sqsfake.Client
	send func(*sqs.SendMessageInput) error
}

func (s sends) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, s.send(in)
}

func TestSendToDeadLetters(t *testing.T) {
	t.Parallel()
	attribute := func(value string) events.SQSMessageAttribute {
		return events.SQSMessageAttribute{DataType: "String", StringValue: &value}
	}
	huge := strings.Repeat("x", maxMessageBytes-len("Error"+"String"+"NotUnderstood"+"Cause"+"String")-10)
	many := map[string]events.SQSMessageAttribute{}
	for name := range strings.SplitSeq("abcdefghij", "") {
		many[name] = attribute(name)
	}
	letter := func(cause string, more ...string) map[string]string {
		want := map[string]string{"Error": "NotUnderstood", "Cause": cause}
		for pair := range slices.Chunk(more, 2) {
			want[pair[0]] = pair[1]
		}
		return want
	}
	tests := []struct {
		name       string
		body       string
		attributes map[string]events.SQSMessageAttribute
		want       map[string]string // attributes of the dead letter; of Cause only the beginning
	}{
		{
			name: "garbage",
			body: "garbage",
			want: letter("decode message: not an upload: invalid character 'g'"),
		},
		{
			name: "an unknown event",
			body: `{"Records":[{"eventName":"ObjectForged:Put"}]}`,
			want: letter("decode message: record 0 of an S3 notification"),
		},
		{
			name: "an incomplete event",
			body: `{"Records":[{"eventName":"ObjectCreated:Put"}]}`,
			want: letter("decode message: record 0"),
		},
		{
			name: "attributes of its own, and those of an earlier dead letter",
			body: "{}",
			attributes: map[string]events.SQSMessageAttribute{
				"sender": attribute("me"), "Error": attribute("Old"), "Cause": attribute("old"),
			},
			want: letter("decode message: not an upload: neither", "sender", "me"),
		},
		{
			name:       "as many attributes as SQS takes",
			body:       "{}",
			attributes: many,
			want: letter("decode message", "a", "a", "b", "b", "c", "c", "d", "d",
				"e", "e", "f", "f", "g", "g", "h", "h"),
		},
		{name: "10 bytes left for the cause", body: huge, want: letter("decode mes")},
		{
			name: "no bytes left for attributes",
			body: strings.Repeat("x", maxMessageBytes),
			want: map[string]string{},
		},
		{name: "unprintable", body: "\x00\x01\ufffe", want: letter("decode message")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent *sqs.SendMessageInput
			b := newBench(t, 0)
			b.deadLetters = "url"
			b.sqs = sends{Client: b.network, send: func(in *sqs.SendMessageInput) error { sent = in; return nil }}
			message := events.SQSMessage{MessageId: "m", Body: tt.body, MessageAttributes: tt.attributes}
			if !b.handleMessage(t.Context(), message) {
				t.Fatal("the message was handed back, want it done")
			}
			if sent == nil || aws.ToString(sent.QueueUrl) != "url" || aws.ToString(sent.MessageBody) != tt.body {
				t.Fatalf("sent %+v, want the body %q to queue url", sent, tt.body)
			}
			got, size := map[string]string{}, len(tt.body)
			for name, a := range sent.MessageAttributes {
				value := aws.ToString(a.StringValue)
				size += len(name) + len(aws.ToString(a.DataType)) + len(value)
				if name == "Cause" && len(value) > len(tt.want[name]) {
					value = value[:len(tt.want[name])]
				}
				got[name] = value
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if size > maxMessageBytes {
				t.Errorf("the dead letter has %d bytes, want at most %d", size, maxMessageBytes)
			}
		})
	}
}

// TestSendToDeadLettersFails checks that a message which cannot be sent to the dead-letter queue stays
// in the uploads queue.
func TestSendToDeadLettersFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.sqs = sends{Client: b.network, send: func(*sqs.SendMessageInput) error { return errors.New("AccessDenied") }}
	if b.handleMessage(t.Context(), events.SQSMessage{MessageId: "m", Body: "garbage"}) {
		t.Error("the message is done, want it handed back")
	}
}

func TestReplaceIllegal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ñ\n\t":  "plain ñ\n\t",
		"a\x00b":       "a\uFFFDb",
		"\xff":         "\uFFFD",
		"\ufffe\uffff": "\uFFFD\uFFFD",
		"😀":            "😀",
	} {
		if got := replaceIllegal(in); got != want {
			t.Errorf("replaceIllegal(%q) = %q, want %q", in, got, want)
		}
	}
}
