package events

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// maxRequest bounds a request's body: PutEvents takes 1 MiB of events, every
// byte of them escaped here, and room for the rest.
const maxRequest = 8 << 20

type operation func(s *Service, body []byte) (any, error)

// decoded makes an operation of a method and its input.
func decoded[In any](do func(*Service, In) (any, error)) operation {
	return func(s *Service, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, &Error{"SerializationException", err.Error()}
		}
		return do(s, in)
	}
}

var operations = map[string]operation{
	"PutEvents":  decoded((*Service).putEvents),
	"PutRule":    decoded((*Service).putRule),
	"ListRules":  decoded((*Service).listRules),
	"PutTargets": decoded((*Service).putTargets),
}

// ServeHTTP answers one request of the JSON 1.1 protocol.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("x-amzn-RequestId", uuid.NewString())
	answer, err := s.serve(w, r)
	if err != nil {
		status := http.StatusBadRequest
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e, status = &Error{"InternalException", err.Error()}, http.StatusInternalServerError
		}
		w.WriteHeader(status)
		answer = map[string]string{"__type": "com.amazonaws.eventbridge#" + e.Code, "message": e.Message}
	}
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer) // the client has gone, if anything
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, _ := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSEvents.")
	do, ok := operations[name]
	if !ok {
		return nil, &Error{"UnknownOperationException", "no operation " + name + " here"}
	}
	var body json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&body); err != nil {
		return nil, &Error{"SerializationException", err.Error()}
	}
	return do(s, body)
}
