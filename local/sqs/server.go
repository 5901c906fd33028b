package sqs

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// maxRequest bounds a request's body: 1 MiB of messages, every byte of them
// escaped, and room for the rest.
const maxRequest = 8 << 20

// call is one request as its operation sees it.
type call struct {
	*Service
	ctx  context.Context
	base string // what the client called this endpoint: the start of queue URLs
}

type operation func(c call, body []byte) (any, error)

// decoded makes an operation of a method and its input.
func decoded[In any](do func(call, In) (any, error)) operation {
	return func(c call, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, &Error{Code: "SerializationException", Message: err.Error()}
		}
		return do(c, in)
	}
}

// changes makes an operation of a change of one queue, in a transaction.
func changes[In interface{ queue() string }](do func(*queue, In) (any, error)) operation {
	return decoded(func(c call, in In) (answer any, err error) {
		err = c.on(in.queue(), c.store.Update, func(q *queue) (err error) {
			answer, err = do(q, in)
			return err
		})
		return answer, err
	})
}

var operations = map[string]operation{
	"SendMessage":                  changes((*queue).sendMessage),
	"SendMessageBatch":             decoded(call.sendMessageBatch),
	"ReceiveMessage":               decoded(call.receiveMessage),
	"DeleteMessage":                changes((*queue).deleteMessage),
	"DeleteMessageBatch":           decoded(call.deleteMessageBatch),
	"ChangeMessageVisibility":      changes((*queue).changeVisibility),
	"ChangeMessageVisibilityBatch": decoded(call.changeVisibilityBatch),
	"CreateQueue":                  decoded(call.createQueue),
	"DeleteQueue":                  changes((*queue).deleteQueue),
	"PurgeQueue":                   changes((*queue).purgeQueue),
	"GetQueueUrl":                  decoded(call.getQueueURL),
	"ListQueues":                   decoded(call.listQueues),
	"GetQueueAttributes":           decoded(call.getAttributes),
	"SetQueueAttributes":           changes((*queue).setAttributes),
	"StartMessageMoveTask":         decoded(call.startMove),
	"ListMessageMoveTasks":         decoded(call.listMoves),
}

// ServeHTTP answers one request of the JSON 1.0 protocol.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.serve(w, r)
	if r.Context().Err() != nil {
		return // nobody is listening
	}
	header := w.Header()
	header.Set("Content-Type", "application/x-amz-json-1.0")
	header.Set("x-amzn-RequestId", newID())
	status := http.StatusOK
	if err != nil {
		var e *Error
		e, status = asError(err)
		header.Set("x-amzn-query-error", e.queryError(status))
		answer = map[string]string{"__type": "com.amazonaws.sqs#" + e.Code, "message": e.Message}
	}
	w.WriteHeader(status)
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer) // the client has gone, if anything
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	do := operations[name]
	if !ok || do == nil {
		return nil, &Error{Code: "UnknownOperationException", Message: "no operation " + name + " here; of the protocols, JSON 1.0 alone (AWS CLI from 1.29.62 and 2.13.29 on)"}
	}
	var body json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&body); err != nil {
		return nil, &Error{Code: "SerializationException", Message: err.Error()}
	}
	return do(call{Service: s, ctx: r.Context(), base: "http://" + r.Host}, body)
}
