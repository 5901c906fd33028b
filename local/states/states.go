// Package states runs state machines as AWS Step Functions does: an interpreter
// for the part of the JSONPath Amazon States Language that Lazaret's machines are
// written in, and the JSON 1.0 API over it, for Standard workflows. Executions and
// their histories are in the stack's store; memory holds those alone that run. It
// reaches Lambda and SQS only through its Config. What it cannot honour in a
// definition is an error at load, never ignored. The local stack is its only caller.
package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Config names the machines and the services that their tasks call.
//
// An error that stands for an answer of the service must be a *ServiceError (or
// wrap one); any other error reaches the machine as the integration's
// SdkClientException.
type Config struct {
	Machines []template.Machine

	// Store keeps executions over the end of the service, in good order or not:
	// the next one goes on with those that were running.
	Store *store.Store

	// Scale divides the intervals of Wait and Retry, so that 10 makes them ten
	// times shorter. Timeouts are never scaled. Zero means 1.
	Scale float64

	// Invoke runs a function to its end. The context ends with the service, not
	// with the task: on Lambda, too, a function outlives the state that gave up
	// waiting for it.
	Invoke func(ctx context.Context, function string, payload []byte) (Invocation, error)

	// SendMessage puts a message into the queue with that ARN, in the transaction
	// that stores the task's success. With a *ServiceError it has changed nothing.
	SendMessage func(tx *bbolt.Tx, queueARN, body string) (messageID string, err error)

	// StatusChanged hears of each new status of an execution, in the transaction
	// that stores it, with the detail of EventBridge's "Step Functions Execution
	// Status Change". Nil is allowed.
	StatusChanged func(tx *bbolt.Tx, detail json.RawMessage) error
}

// Invocation is what a function answered. FunctionError is empty, "Handled" or
// "Unhandled"; with it, Payload is the function's error document.
type Invocation struct {
	Payload       []byte
	FunctionError string
}

// ServiceError is an error that a called service answered, with its own code:
// "TooManyRequestsException", "QueueDoesNotExist". Status is the HTTP status.
type ServiceError struct {
	Code    string
	Message string
	Status  int
}

func (e *ServiceError) Error() string { return e.Code + ": " + e.Message }

// Service holds the machines and the executions that run.
type Service struct {
	config   Config
	machines []*machine // in the order of the template
	ctx      context.Context
	stop     context.CancelCauseFunc
	work     sync.WaitGroup // executions and the calls that they started
	told     atomic.Int64   // when it was last said that executions wait for the store, in Unix nanoseconds

	mu      sync.Mutex
	closed  bool
	running map[string]*execution // by ARN
}

type machine struct {
	template.Machine
	definition *definition
	created    time.Time
}

var errClosed = errors.New("the service was closed")

// New loads the machines and goes on with the executions that the store has as
// running. They end, without a further status, when ctx does.
func New(ctx context.Context, config Config) (*Service, error) {
	if config.Scale <= 0 {
		config.Scale = 1
	}
	s := &Service{config: config, running: map[string]*execution{}}
	for _, m := range config.Machines {
		d, err := parse(m.Definition)
		if err != nil {
			return nil, fmt.Errorf("load state machine %s: %w", m.Name, err)
		}
		s.machines = append(s.machines, &machine{Machine: m, definition: d, created: now()})
	}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	return s, s.goOn()
}

// Close ends all executions and waits for them and for the calls under way,
// which see their context cancelled, at most until ctx ends.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop(errClosed)
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for running executions: %w", context.Cause(ctx))
	}
}

// now has the precision of the API's timestamps.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
