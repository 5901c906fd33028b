package sqs

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

// maxSize is the most that a message may have, its attributes included, in bytes.
const maxSize = 1 << 20

// message is one message in a queue.
type message struct {
	number        uint64 // in its queue
	ID            string
	Body          string
	Attributes    map[string]attribute `json:",omitempty"`
	Sent          time.Time
	FirstReceived time.Time `json:",omitzero"`
	Received      int       `json:",omitempty"` // how often
	VisibleAt     time.Time
}

// attribute is a message attribute, as its sender wrote it.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

func newMessage(body string, attributes map[string]attribute) *message {
	return &message{ID: uuid.NewString(), Body: body, Attributes: attributes, Sent: time.Now()}
}

// size is what a message counts for in limits.
func size(body string, attributes map[string]attribute) int {
	n := len(body)
	for name, a := range attributes {
		n += len(name) + len(a.DataType) + len(a.BinaryValue)
		if a.StringValue != nil {
			n += len(*a.StringValue)
		}
	}
	return n
}

// check returns the error with which SQS refuses a message.
func check(body string, attributes map[string]attribute) error {
	switch {
	case body == "":
		return missing("MessageBody")
	case size(body, attributes) > maxSize:
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxSize)
	case strings.ContainsFunc(body, forbidden):
		return api.Refuse("InvalidMessageContents", "Invalid characters found. Valid unicode characters are "+
			"#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	}
	return nil
}

func forbidden(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// receipt names the message and how often it was received, because a new receive replaces the receipts before it.
func (m *message) receipt() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d", m.ID, m.number, m.Received))
}

// systemAttributes are the attributes that SQS itself gives a message.
func (m *message) systemAttributes() map[string]string {
	millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	return map[string]string{
		"SenderId":                         template.Account,
		"SentTimestamp":                    millis(m.Sent),
		"ApproximateReceiveCount":          strconv.Itoa(m.Received),
		"ApproximateFirstReceiveTimestamp": millis(m.FirstReceived),
	}
}

// forLambda is the message as a record of the event that a function gets.
func (m *message) forLambda(queueARN string) events.SQSMessage {
	given := make(map[string]events.SQSMessageAttribute, len(m.Attributes)) // Lambda sends {} and not null
	for name, a := range m.Attributes {
		given[name] = events.SQSMessageAttribute{DataType: a.DataType, StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return events.SQSMessage{
		MessageId: m.ID, ReceiptHandle: m.receipt(), Body: m.Body, Md5OfBody: md5Hex(m.Body),
		Attributes: m.systemAttributes(), MessageAttributes: given,
		EventSource: "aws:sqs", EventSourceARN: queueARN, AWSRegion: template.Region,
	}
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) // the protocol asks for it
	return hex.EncodeToString(sum[:])
}
