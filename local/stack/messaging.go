package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/events"
	"github.com/lazaret/lazaret/local/sns"
	"github.com/lazaret/lazaret/local/sqs"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// messaging holds the services that deliver messages within transactions.
type messaging struct {
	queues *sqs.Service
	topics *sns.Service
	bus    *events.Service
	invoke *func(functionARN, event string) error // set once the functions run
}

func openMessaging(kept *store.Store, app *template.Application) (m messaging, err error) {
	m.invoke = new(func(string, string) error)
	if m.queues, err = sqs.New(kept, app.Queues); err != nil {
		return m, fmt.Errorf("open queues: %w", err)
	}
	if m.topics, err = sns.New(kept, app.Topics, m.deliver); err != nil {
		return m, fmt.Errorf("open topics: %w", err)
	}
	if m.bus, err = events.New(kept, app.Rules, m.deliver); err != nil {
		return m, fmt.Errorf("open rules: %w", err)
	}
	return m, nil
}

// deliver sends a body to the queue or topic that an ARN names, as part of a transaction, or invokes the function after
// it. With an error it has changed nothing.
func (m messaging) deliver(tx *bbolt.Tx, arn, body string) error {
	var err error
	switch {
	case strings.HasPrefix(arn, "arn:aws:sqs:"):
		_, err = m.queues.SendTx(tx, arn, body)
	case strings.HasPrefix(arn, "arn:aws:sns:") && m.topics != nil: // topics deliver to queues alone
		_, err = m.topics.PublishTx(tx, sns.Message{TopicARN: arn, Message: body})
	case strings.HasPrefix(arn, "arn:aws:lambda:"):
		tx.OnCommit(func() {
			if err := (*m.invoke)(arn, body); err != nil {
				slog.Warn("invoke function for an event", "function", arn, "error", err)
			}
		})
	default:
		err = errors.New("the local stack delivers to queues, topics and functions only")
	}
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", arn, err)
	}
	return nil
}

// statusChanged returns a function that puts EventBridge's event about an execution's new status on the bus, and calls
// committed with its detail after the transaction.
func (m messaging) statusChanged(committed func(json.RawMessage)) func(*bbolt.Tx, json.RawMessage) error {
	return func(tx *bbolt.Tx, detail json.RawMessage) error {
		tx.OnCommit(func() { committed(detail) })
		var d struct {
			ExecutionARN string `json:"executionArn"`
		}
		if err := json.Unmarshal(detail, &d); err != nil {
			return fmt.Errorf("read the status of an execution: %w", err)
		}
		return m.bus.PutTx(tx, events.Event{
			Source: "aws.states", DetailType: "Step Functions Execution Status Change", Detail: detail,
			Resources: []string{d.ExecutionARN},
		})
	}
}
