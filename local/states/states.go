// Package states runs state machines as AWS Step Functions does: an interpreter for the part of the Amazon States
// Language that Lazaret's machine is written in, with JSONPath, and the JSON 1.0 API over it. Executions of Standard
// machines and their histories are in the stack's store; memory has only those that run. Executions of Express machines
// are in memory alone, and their events in a log. A part of the language that the interpreter does not know is an error
// when the machine is loaded.
package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Config names the machines and what their tasks call. An error that a called service answers is an *api.Error; any
// other error reaches the machine as the integration's SdkClientException.
type Config struct {
	Machines []template.Machine

	// Store keeps executions: a new service goes on with those that ran when the last one ended.
	Store *store.Store

	// Scale divides the intervals of Retry: 10 makes them ten times shorter. Timeouts are not scaled, but the five minutes
	// of an Express execution are a limit for the intervals as they are written. Zero means 1.
	Scale float64

	// Now is the time that an execution and its events get: time.Now, unless a test makes executions of the past.
	Now func(execution string) time.Time

	// Invoke runs a function to its end. The context ends with the service, not with the task: on Lambda, too, a
	// function goes on when the state no longer waits for it.
	Invoke func(ctx context.Context, function string, payload []byte) (Invocation, error)

	// InvokeEvent hands an event to a function, which runs after the transaction. With an *api.Error it has changed
	// nothing. Nil is allowed where no state has InvocationType Event.
	InvokeEvent func(tx *bbolt.Tx, function string, payload []byte) error

	// SendMessage puts a message into the queue with that ARN, in the transaction that stores the task's success. With
	// an *api.Error it has changed nothing.
	SendMessage func(tx *bbolt.Tx, queueARN, body string) (messageID string, err error)

	// Objects returns what reads and writes objects as a role. Map states need it.
	Objects func(roleARN string) Objects

	// StatusChanged gets the detail of EventBridge's "Step Functions Execution Status Change" for each new status of an
	// execution, in the transaction that stores the status. Nil is allowed.
	StatusChanged func(tx *bbolt.Tx, detail json.RawMessage) error

	// Log writes events of Express executions, a line for each, to a log group. Nil is allowed.
	Log func(group string, lines ...string) error

	// ExpressEnded gets, for each Express execution that ended, the detail that StatusChanged gets for others: EventBridge
	// is told nothing of Express executions. It is called by several goroutines. Nil is allowed.
	ExpressEnded func(detail json.RawMessage)
}

// Invocation is what a function answered. FunctionError is empty, "Handled" or "Unhandled"; with it, Payload is the
// function's error document.
type Invocation struct {
	Payload       []byte
	FunctionError string
}

// Objects are the objects of S3, as a role may use them.
type Objects interface {
	Get(ctx context.Context, bucket, key string) ([]byte, error)
	Put(ctx context.Context, bucket, key string, content []byte) error
}

// Service holds the machines and the executions that run. It serves the Step Functions API.
type Service struct {
	http.Handler
	config   Config
	machines []*machine // in the order of the template
	ctx      context.Context
	stop     context.CancelCauseFunc
	work     sync.WaitGroup // executions, and the calls that they started
	warned   atomic.Int64   // when the last warning was logged, in Unix nanoseconds

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

// New loads the machines and goes on with the executions that the store has as running. They end, without a further
// status, when ctx does.
func New(ctx context.Context, config Config) (*Service, error) {
	if config.Scale <= 0 {
		config.Scale = 1
	}
	s := &Service{config: config, running: map[string]*execution{}}
	s.Handler = s.api()
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

// Close ends all executions and waits for them, and for the calls under way, at most until ctx ends.
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

// now is the time that an execution of this name and its events get.
func (s *Service) now(execution string) time.Time {
	if s.config.Now != nil {
		return s.config.Now(execution).UTC().Truncate(time.Millisecond)
	}
	return now()
}

// now has the precision of the API's timestamps.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
