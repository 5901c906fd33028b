package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// fakeLetters is a queue; without send it takes everything.
type fakeLetters struct {
	send func(*sqs.SendMessageInput) error
}

func (f fakeLetters) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if f.send == nil {
		return &sqs.SendMessageOutput{}, nil
	}
	return &sqs.SendMessageOutput{}, f.send(in)
}

func TestWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	attribute := func(value string) events.SQSMessageAttribute {
		return events.SQSMessageAttribute{DataType: "String", StringValue: &value}
	}
	huge := strings.Repeat("x", maxMessage-len("Error"+"String"+"NotUnderstood"+"Cause"+"String")-10)
	many := map[string]events.SQSMessageAttribute{}
	for name := range strings.SplitSeq("abcdefghij", "") {
		many[name] = attribute(name)
	}
	tests := []struct {
		name       string
		body       string
		attributes map[string]events.SQSMessageAttribute
		want       map[string]string // attributes of the letter; of Cause the beginning
	}{
		{"garbage", "garbage", nil, map[string]string{"Error": "NotUnderstood", "Cause": "decode message: not an upload: invalid character 'g'"}},
		{"an unknown event", `{"Records":[{"eventName":"ObjectForged:Put"}]}`, nil, map[string]string{"Error": "NotUnderstood", "Cause": "decode message: record 0 of an S3 notification"}},
		{"half an event", `{"Records":[{"eventName":"ObjectCreated:Put"}]}`, nil, map[string]string{"Error": "NotUnderstood", "Cause": "decode message: record 0"}},
		{
			"with attributes of its own, and those of an earlier letter", "{}",
			map[string]events.SQSMessageAttribute{"sender": attribute("me"), "Error": attribute("Old"), "Cause": attribute("old")},
			map[string]string{"Error": "NotUnderstood", "Cause": "decode message: not an upload: neither", "sender": "me"},
		},
		{
			"with as many as SQS takes", "{}", many,
			map[string]string{"Error": "NotUnderstood", "Cause": "decode message", "a": "a", "b": "b", "c": "c", "d": "d", "e": "e", "f": "f", "g": "g", "h": "h"},
		},
		{"with hardly room for a cause", huge, nil, map[string]string{"Error": "NotUnderstood", "Cause": "decode mes"}},
		{"without room", strings.Repeat("x", maxMessage), nil, map[string]string{}},
		{"unprintable", "\x00\x01\ufffe", nil, map[string]string{"Error": "NotUnderstood", "Cause": "decode message"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent *sqs.SendMessageInput
			h := handler{deadLetters: "url", letters: fakeLetters{func(in *sqs.SendMessageInput) error { sent = in; return nil }}}
			response, err := h.handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: tt.body, MessageAttributes: tt.attributes}}})
			if err != nil || len(response.BatchItemFailures) != 0 {
				t.Fatalf("handle() = %+v, %v", response, err)
			}
			if sent == nil || aws.ToString(sent.QueueUrl) != "url" || aws.ToString(sent.MessageBody) != tt.body {
				t.Fatalf("sent %+v", sent)
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
			if size > maxMessage {
				t.Errorf("the letter has %d bytes, SQS takes %d", size, maxMessage)
			}
		})
	}
}

// A letter that cannot be sent leaves the message where it is.
func TestLetterThatIsRefused(t *testing.T) {
	t.Parallel()
	h := handler{letters: fakeLetters{func(*sqs.SendMessageInput) error { return errors.New("AccessDenied") }}}
	response, err := h.handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: "garbage"}}})
	if err != nil || len(response.BatchItemFailures) != 1 || response.BatchItemFailures[0].ItemIdentifier != "m" {
		t.Errorf("handle() = %+v, %v, want the message as failed", response, err)
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ñ\n\t": "plain ñ\n\t", "a\x00b": "a\uFFFDb", "\xff": "\uFFFD", "\ufffe\uffff": "\uFFFD\uFFFD", "😀": "😀",
	} {
		if got := readable(in); got != want {
			t.Errorf("readable(%q) = %q, want %q", in, got, want)
		}
	}
	if got := cut("aéb", 2); got != "a" {
		t.Errorf("cut inside a character = %q", got)
	}
}
