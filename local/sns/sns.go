// Package sns is the part of Amazon SNS that the application needs: topics that
// hand their messages to subscribed queues, behind the Query protocol, and
// PublishTx as a Go method for the other services of the local stack, which
// local/stack.go wires to it. Subscriptions are to queues, are in the stack's
// store, and have no attributes; nothing is ever sent by mail or HTTP.
package sns

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
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
	store   *store.Store
	topics  []template.Topic
	deliver func(tx *bbolt.Tx, queueARN, body string) error
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

// New returns a service with the given topics and the subscriptions that the
// store has. Deliver puts a body into the queue of that ARN; with an error it has
// changed nothing.
func New(kept *store.Store, topics []template.Topic, deliver func(tx *bbolt.Tx, queueARN, body string) error) (*Service, error) {
	return &Service{store: kept, topics: topics, deliver: deliver}, kept.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(allSubscriptions)
		return err
	})
}

// PublishTx hands a message to all queues subscribed to its topic, as a part of a
// transaction. The error is an *Error: NotFound or InvalidParameter. A queue that
// cannot be delivered to is logged and fails nothing, since publishers on AWS do
// not hear of it either.
func (s *Service) PublishTx(tx *bbolt.Tx, m Message) (messageID string, err error) {
	if err := m.check(); err != nil {
		return "", err
	}
	if err := s.exists(m.TopicARN); err != nil {
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
	return id, each(tx, func(_ []byte, sub subscription) error {
		if sub.Topic != m.TopicARN {
			return nil
		}
		if err := s.deliver(tx, sub.Queue, string(wrapped)); err != nil {
			tx.OnCommit(func() {
				slog.Warn("a subscriber did not get a message", "topic", m.TopicARN, "queue", sub.Queue, "error", err)
			})
		}
		return nil
	})
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
