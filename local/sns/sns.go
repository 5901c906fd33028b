// Package sns is the part of Amazon SNS that the application, its commands and its tests use: topics that hand their
// messages to subscribed queues, behind the Query protocol, and PublishTx as a Go method for the other services of the
// local stack. Subscriptions are to queues, have no attributes, and are in the stack's store. No mail is sent.
package sns

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Limits of Publish in the API reference.
const (
	maxMessage = 256 << 10 // bytes
	maxSubject = 100       // characters
)

// Deliver puts a body into the queue with that ARN, as a part of a transaction. With an error it has changed nothing.
type Deliver func(tx *bbolt.Tx, queueARN, body string) error

// Service holds the topics and their subscriptions. It serves the SNS API, and its methods may be called concurrently.
type Service struct {
	store   *store.Store
	topics  []template.Topic
	deliver Deliver
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

// envelope is what a queue receives from a topic. The envelope of AWS has a signature and a URL to unsubscribe as well.
type envelope struct {
	Type              string
	MessageID         string `json:"MessageId"`
	TopicArn          string
	Subject           string `json:",omitempty"`
	Message           string
	Timestamp         string
	MessageAttributes map[string]Attribute `json:",omitempty"`
}

// allSubscriptions has the subscriptions, each under its topic and queue.
var allSubscriptions = []byte("sns/subscriptions")

type subscription struct{ ARN, Topic, Queue string }

// New returns a service with the given topics and the subscriptions that the store has.
func New(kept *store.Store, topics []template.Topic, deliver Deliver) (*Service, error) {
	return &Service{store: kept, topics: topics, deliver: deliver}, kept.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(allSubscriptions)
		return err
	})
}

// PublishTx hands a message to all queues subscribed to its topic, as a part of a transaction. The error is an
// *api.Error when SNS refuses the message. A queue that cannot be delivered to is logged and fails nothing, because AWS
// tells the publisher nothing of it.
func (s *Service) PublishTx(tx *bbolt.Tx, m Message) (messageID string, err error) {
	if err := m.check(); err != nil {
		return "", err
	}
	if err := s.exists(m.TopicARN); err != nil {
		return "", err
	}
	id := uuid.NewString()
	wrapped, err := json.Marshal(envelope{
		Type: "Notification", MessageID: id, TopicArn: m.TopicARN, Subject: m.Subject, Message: m.Message,
		Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), MessageAttributes: m.Attributes,
	})
	if err != nil {
		return "", fmt.Errorf("write the envelope of message %s: %w", id, err)
	}
	return id, each(tx, m.TopicARN, func(sub subscription) {
		if err := s.deliver(tx, sub.Queue, string(wrapped)); err != nil {
			tx.OnCommit(func() { slog.Warn("deliver message", "topic", m.TopicARN, "queue", sub.Queue, "error", err) })
		}
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

func (s *Service) exists(topicARN string) error {
	if !slices.ContainsFunc(s.topics, func(t template.Topic) bool { return t.ARN == topicARN }) {
		return &api.Error{Code: "NotFound", Message: "Topic does not exist", Status: 404}
	}
	return nil
}

// each calls do with every subscription of a topic.
func each(tx *bbolt.Tx, topicARN string, do func(sub subscription)) error {
	return tx.Bucket(allSubscriptions).ForEach(func(key, value []byte) error {
		var sub subscription
		if err := json.Unmarshal(value, &sub); err != nil {
			return fmt.Errorf("read subscription %q: %w", key, err)
		}
		if sub.Topic == topicARN {
			do(sub)
		}
		return nil
	})
}

// subscribe returns the subscription of a queue to a topic, a new one when there is none.
func (s *Service) subscribe(topicARN, queueARN string) (sub subscription, err error) {
	if err := s.exists(topicARN); err != nil {
		return sub, err
	}
	return sub, s.store.Update(func(tx *bbolt.Tx) error {
		b, key := tx.Bucket(allSubscriptions), []byte(topicARN+" "+queueARN)
		if found, err := store.GetJSON(b, key, &sub); found || err != nil {
			return err
		}
		sub = subscription{ARN: topicARN + ":" + uuid.NewString(), Topic: topicARN, Queue: queueARN}
		return store.PutJSON(b, key, sub)
	})
}

func invalid(reason string) error {
	return api.Refuse("InvalidParameter", "Invalid parameter: %s", reason)
}
