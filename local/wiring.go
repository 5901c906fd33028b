package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/events"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/sns"
	"github.com/lazaret/lazaret/local/sqs"
	"github.com/lazaret/lazaret/local/states"
	"github.com/lazaret/lazaret/local/template"
)

// deliver hands a body to what the ARN names, for topics, rules and buckets, as
// a part of a transaction. With an error it has changed nothing.
func (s *Stack) deliver(tx *bbolt.Tx, arn, body string) error {
	var err error
	switch {
	case strings.HasPrefix(arn, "arn:aws:sqs:"):
		_, err = s.services.sqs.SendTx(tx, arn, body)
	case strings.HasPrefix(arn, "arn:aws:sns:"):
		_, err = s.services.sns.PublishTx(tx, sns.Message{TopicARN: arn, Message: body})
	default:
		err = errors.New("only queues and topics can be delivered to")
	}
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", arn, err)
	}
	return nil
}

// putS3Event puts a bucket's event on the default bus.
func (s *Stack) putS3Event(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error {
	return s.services.events.PutTx(tx, events.Event{Source: source, DetailType: detailType, Detail: detail, Resources: resources})
}

// environment points a function at its endpoint, with the credentials of its
// role, and away from the user's own configuration of AWS.
func (s *Stack) environment(f template.Function) []string {
	return append(s.mirror(f),
		"AWS_ENDPOINT_URL="+cmp.Or(s.config.FunctionsEndpoint, s.Endpoint),
		"AWS_ACCESS_KEY_ID="+accessKey(f.RoleARN),
		"AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	)
}

// queues are the queues as the functions' pollers want them.
type queues struct{ *sqs.Service }

func (q queues) Receive(ctx context.Context, queueARN string, limit int, wait time.Duration) ([]lambda.Message, error) {
	got, err := q.Service.Receive(ctx, queueARN, limit, wait)
	messages := make([]lambda.Message, len(got))
	for i, m := range got {
		messages[i] = lambda.Message(m)
	}
	return messages, err
}

func (s *Stack) invoke(ctx context.Context, function string, payload []byte) (states.Invocation, error) {
	result, err := s.services.lambda.Invoke(ctx, function, payload)
	if refused, ok := errors.AsType[*lambda.Error](err); ok {
		status := http.StatusInternalServerError
		switch refused.Code {
		case "TooManyRequestsException":
			status = http.StatusTooManyRequests
		case "ResourceNotFoundException":
			status = http.StatusNotFound
		}
		err = &states.ServiceError{Code: refused.Code, Message: refused.Message, Status: status}
	}
	return states.Invocation{Payload: result.Payload, FunctionError: result.FunctionError}, err
}

func (s *Stack) sendMessage(tx *bbolt.Tx, queueARN, body string) (string, error) {
	id, err := s.services.sqs.SendTx(tx, queueARN, body)
	if refused, ok := errors.AsType[*sqs.Error](err); ok {
		err = &states.ServiceError{Code: refused.Code, Message: refused.Message, Status: http.StatusBadRequest}
	}
	return id, err
}

// statusChanged makes EventBridge's event of an execution's new status.
func (s *Stack) statusChanged(tx *bbolt.Tx, detail json.RawMessage) error {
	tx.OnCommit(func() { s.watch.statusChanged(detail) })
	var d struct {
		ExecutionARN string `json:"executionArn"`
	}
	if err := json.Unmarshal(detail, &d); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	return s.services.events.PutTx(tx, events.Event{
		Source: "aws.states", DetailType: "Step Functions Execution Status Change", Detail: detail, Resources: []string{d.ExecutionARN},
	})
}
