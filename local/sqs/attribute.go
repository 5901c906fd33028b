package sqs

import (
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// maxSize is the most that a message may have, its attributes included
// (SQS quotas, 1 MiB since August 2025).
const maxSize = 1 << 20

// attribute is a message attribute, handed on as it came.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// given are the attributes in Lambda's words.
func given(attributes map[string]attribute) map[string]events.SQSMessageAttribute {
	all := make(map[string]events.SQSMessageAttribute, len(attributes))
	for name, a := range attributes {
		all[name] = events.SQSMessageAttribute{DataType: a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return all
}

// size is what a message counts for in limits.
func (o outgoing) size() int {
	n := len(o.Body)
	for name, a := range o.Attributes {
		n += len(name) + len(a.DataType) + len(a.BinaryValue)
		if a.StringValue != nil {
			n += len(*a.StringValue)
		}
	}
	return n
}

func (o outgoing) check() error {
	if o.Body == "" {
		return missing("MessageBody")
	}
	if o.size() > maxSize {
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxSize)
	}
	if strings.ContainsFunc(o.Body, forbidden) {
		return &Error{Code: "InvalidMessageContents", Message: "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"}
	}
	if o.Delay != nil && (*o.Delay < 0 || *o.Delay > maxDelay) {
		return outOfRange("DelaySeconds", seconds(*o.Delay), 0, seconds(maxDelay))
	}
	return nil
}

func forbidden(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// wanted tells whether a request's list asks for an attribute.
func wanted(list []string, name string) bool {
	return slices.Contains(list, "All") || slices.Contains(list, ".*") || slices.Contains(list, name)
}
