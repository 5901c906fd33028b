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

	"github.com/lazaret/lazaret/internal/excerpt"
	"github.com/lazaret/lazaret/internal/upload"
)

// Limits of SQS:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	maxMessageBytes = 1 << 20 // of a message's body and attributes together
	maxAttributes   = 10
)

// sendToDeadLetters puts a message with a permanent error into the dead-letter queue: one that
// upload.Decode does not understand, above all. It does so at the first receipt, because later receipts
// would not change the result. Body and attributes stay as they are, so that the dead letter can be
// moved back to its queue when a newer dispatch can handle it. Two more attributes
// (upload.ErrorAttribute, which holds the given name, and upload.CauseAttribute) say what was wrong.
// Attributes that do not fit beside these two are left out. If sendToDeadLetters succeeds, SQS deletes
// the message from its queue.
func (h *handler) sendToDeadLetters(ctx context.Context, m events.SQSMessage, name string, cause error) error {
	in := &sqs.SendMessageInput{
		QueueUrl:          &h.deadLetters,
		MessageBody:       &m.Body,
		MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	bytesLeft := maxMessageBytes - len(m.Body)
	for _, own := range slices.Sorted(maps.Keys(m.MessageAttributes)) {
		a := m.MessageAttributes[own]
		ofEarlierLetter := own == upload.ErrorAttribute || own == upload.CauseAttribute
		if ofEarlierLetter || len(in.MessageAttributes) == maxAttributes-2 {
			continue
		}
		in.MessageAttributes[own] = types.MessageAttributeValue{
			DataType: &a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue,
		}
		bytesLeft -= len(own) + len(a.DataType) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	for _, a := range []struct{ name, value string }{
		{name: upload.ErrorAttribute, value: name},
		{name: upload.CauseAttribute, value: replaceIllegal(cause.Error())},
	} {
		valueBytes := bytesLeft - len(a.name) - len("String")
		value := excerpt.Cut(a.value, valueBytes)
		if value == "" {
			continue // the body fills the message
		}
		in.MessageAttributes[a.name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		bytesLeft = valueBytes - len(value)
	}
	if _, err := h.sqs.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send message %s to the dead-letter queue: %w", m.MessageId, err)
	}
	return nil
}

// replaceIllegal replaces the characters that SQS refuses in an attribute by U+FFFD. SQS takes the
// characters of XML 1.0: https://www.w3.org/TR/REC-xml/#charsets
func replaceIllegal(s string) string {
	r := []rune(s) // bytes that are not UTF-8 become U+FFFD
	for i, c := range r {
		legal := c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD || c >= 0x10000
		if !legal {
			r[i] = '\uFFFD'
		}
	}
	return string(r)
}
