// Package sns is the part of Amazon SNS that the application needs: topics that
// hand their messages to subscribed queues, behind the Query protocol, and
// Publish as a Go method for the other services of the local stack, which
// local/stack.go wires to it. Subscriptions are to queues, live in memory, and
// have no attributes; nothing is ever sent by mail or HTTP.
package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// Limits of Publish in the API reference.
const (
	maxMessage = 256 << 10 // bytes
	maxSubject = 100       // characters
)

// Service holds the topics and their subscriptions. It serves the SNS API as an
// http.Handler, and all its methods may be called concurrently.
type Service struct {
	deliver func(ctx context.Context, queueARN, body string) error

	mu            sync.Mutex
	topics        []template.Topic
	subscriptions []subscription
}

// Message is what a publisher hands to a topic.
type Message struct {
	TopicARN   string
	Subject    string // optional
	Message    string
	Attributes map[string]Attribute
}

// Attribute is a message attribute; Value is base64 when Type is Binary.
type Attribute struct {
	Type, Value string
}

// Error is an error of the SNS API.
type Error struct {
	Code, Message string
}

// Error returns the code and the message, as SDKs print them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// envelope is what a queue receives from a topic. AWS's own has a signature and
// a URL to unsubscribe as well.
type envelope struct {
	Type, MessageId, TopicArn string
	Subject                   string `json:",omitempty"`
	Message, Timestamp        string
	MessageAttributes         map[string]Attribute `json:",omitempty"`
}

// New returns a service with the given topics, without subscriptions. Deliver
// puts a body into the queue of that ARN.
func New(topics []template.Topic, deliver func(ctx context.Context, queueARN, body string) error) *Service {
	return &Service{topics: slices.Clone(topics), deliver: deliver}
}

// Publish hands a message to all queues subscribed to its topic. The error is an
// *Error: NotFound or InvalidParameter. A queue that cannot be delivered to is
// logged and fails nothing, since publishers on AWS do not hear of it either.
func (s *Service) Publish(ctx context.Context, m Message) (messageID string, err error) {
	if err := m.check(); err != nil {
		return "", err
	}
	subscriptions, err := s.subscribed(m.TopicARN)
	if err != nil {
		return "", err
	}
	id := uuid.NewString()
	wrapped, err := json.Marshal(envelope{
		"Notification", id, m.TopicARN, m.Subject, m.Message,
		time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), m.Attributes,
	})
	if err != nil {
		return "", fmt.Errorf("write the envelope of message %s: %w", id, err)
	}
	for _, sub := range subscriptions {
		if err := s.deliver(ctx, sub.queue, string(wrapped)); err != nil {
			slog.WarnContext(ctx, "a subscriber did not get a message", "topic", m.TopicARN, "queue", sub.queue, "error", err)
		}
	}
	return id, nil
}

func (m Message) check() error {
	size := len(m.Message)
	for name, a := range m.Attributes {
		size += len(name) + len(a.Type) + len(a.Value)
	}
	switch {
	case m.TopicARN == "":
		return invalid("TopicArn Reason: no value for required parameter")
	case m.Message == "":
		return invalid("Empty message")
	case size > maxMessage:
		return invalid("Message too long")
	case len([]rune(m.Subject)) > maxSubject, strings.ContainsFunc(m.Subject, unicode.IsControl):
		return invalid("Subject")
	}
	return nil
}

func invalid(reason string) *Error {
	return &Error{Code: "InvalidParameter", Message: "Invalid parameter: " + reason}
}
