package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/upload"
)

// letters is what dispatch needs of SQS.
type letters interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// What SQS takes of a message:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	maxMessage    = 1 << 20 // bytes of body and attributes together
	maxAttributes = 10
)

// lay puts a message that nobody can understand among the dead letters at once,
// because it would not be understood any better after five receipts. The body
// and the attributes stay as they are, so that the letter can be moved back to
// the uploads queue when a newer dispatch knows its kind; two attributes more
// say what was wrong. It is deleted from the uploads queue when this succeeds.
func (h *handler) lay(ctx context.Context, m events.SQSMessage, cause error) error {
	in := &sqs.SendMessageInput{
		QueueUrl: &h.deadLetters, MessageBody: &m.Body, MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	room := maxMessage - len(m.Body)
	for _, name := range slices.Sorted(maps.Keys(m.MessageAttributes)) {
		a := m.MessageAttributes[name]
		if name == upload.ErrorAttribute || name == upload.CauseAttribute || len(in.MessageAttributes) == maxAttributes-2 {
			continue // of an earlier letter; or more than fit, whose body is still whole
		}
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: &a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
		room -= len(name) + len(a.DataType) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	for _, a := range []struct{ name, value string }{
		{upload.ErrorAttribute, upload.NotUnderstood}, {upload.CauseAttribute, readable(cause.Error())},
	} {
		left := room - len(a.name) - len("String")
		value := cut(a.value, left)
		if value == "" {
			continue // the body fills the message
		}
		in.MessageAttributes[a.name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		room = left - len(value)
	}
	if _, err := h.letters.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("put message %s among the dead letters: %w", m.MessageId, err)
	}
	return nil
}

// readable replaces the characters that SQS refuses in an attribute: it takes
// those of XML 1.0 (https://www.w3.org/TR/REC-xml/#charsets).
func readable(s string) string {
	r := []rune(s) // what is no UTF-8 becomes U+FFFD
	for i, c := range r {
		legal := c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD || c >= 0x10000
		if !legal {
			r[i] = '\uFFFD'
		}
	}
	return string(r)
}

// cut is as much of s as n bytes hold, at a character's border.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:max(n, 0)]
}
