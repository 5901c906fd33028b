// Package api holds what the services of the local stack share when they answer a request: errors that have AWS's
// names, and AWS's JSON protocols.
package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Error is an error that a service answers.
type Error struct {
	Code    string // AWS's name for it: "QueueDoesNotExist"
	Message string
	Reason  string // of Lambda's TooManyRequestsException alone
	Status  int    // of HTTP; 400 when zero
}

// Error returns the code and the message, as SDKs print them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse makes an error with the HTTP status 400.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError returns the error that a service answers for err. Whatever is no *Error is the service's own failure, under
// the code that the service has for that.
func AsError(err error, failure string) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return &Error{Code: failure, Message: err.Error(), Status: http.StatusInternalServerError}
	}
	answered := *e
	if answered.Status == 0 {
		answered.Status = http.StatusBadRequest
	}
	return &answered
}

// Operation answers a request with this body. A nil answer is an empty body.
type Operation func(r *http.Request, body []byte) (answer any, err error)

// Decoded makes an operation of a function that takes the decoded body.
func Decoded[In any](run func(r *http.Request, in In) (any, error)) Operation {
	return func(r *http.Request, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, Refuse("SerializationException", "decode the request: %v", err)
		}
		return run(r, in)
	}
}

// JSON serves operations in AWS's JSON protocol.
type JSON struct {
	Version    string // of the protocol: "1.0"
	Target     string // what the header X-Amz-Target has before an operation: "AmazonSQS."
	Shapes     string // what __type has before an error's code: "com.amazonaws.sqs#"
	Failure    string // code of the service's own failures: "InternalFailure"
	MaxBody    int64
	Operations map[string]Operation
	OnError    func(header http.Header, e *Error) // adds headers to the answer; may be nil
}

func (j JSON) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := j.answer(w, r)
	if r.Context().Err() != nil {
		return // the client has gone
	}
	w.Header().Set("Content-Type", "application/x-amz-json-"+j.Version)
	w.Header().Set("X-Amzn-RequestId", uuid.NewString())
	status := http.StatusOK
	if err != nil {
		e := AsError(err, j.Failure)
		if j.OnError != nil {
			j.OnError(w.Header(), e)
		}
		status = e.Status
		answer = map[string]string{"__type": j.Shapes + e.Code, "message": e.Message}
	}
	w.WriteHeader(status)
	if answer == nil {
		return
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // AWS leaves < and & as they are
	_ = encoder.Encode(answer)   // fails when the client has gone
}

func (j JSON) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), j.Target)
	run := j.Operations[name]
	if !ok || run == nil {
		return nil, Refuse("UnknownOperationException", "the local stack has no operation %q in JSON %s", name, j.Version)
	}
	var body json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, j.MaxBody)).Decode(&body); err != nil {
		return nil, Refuse("SerializationException", "read the request: %v", err)
	}
	return run(r, body)
}
