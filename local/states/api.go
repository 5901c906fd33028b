package states

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// apiError is an error of the API, with the name that SDKs map to a type.
type apiError struct{ name, message string }

func (e *apiError) Error() string { return e.name + ": " + e.message }

func refuse(name, format string, args ...any) error {
	return &apiError{name: name, message: fmt.Sprintf(format, args...)}
}

type operation func(s *Service, body []byte) (any, error)

// op decodes the request that an operation takes.
func op[In any](run func(*Service, In) (any, error)) operation {
	return func(s *Service, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, refuse("SerializationException", "%v", err)
		}
		return run(s, in)
	}
}

var operations = map[string]operation{
	"StartExecution":       op((*Service).startExecution),
	"StopExecution":        op((*Service).stopExecution),
	"DescribeExecution":    op((*Service).describeExecution),
	"ListExecutions":       op((*Service).listExecutions),
	"GetExecutionHistory":  op((*Service).getExecutionHistory),
	"ListStateMachines":    op((*Service).listStateMachines),
	"DescribeStateMachine": op((*Service).describeStateMachine),
}

// maxRequest is well over the largest request, an input of 256 KiB escaped twice.
const maxRequest = 4 << 20

// ServeHTTP answers the Step Functions API in its JSON 1.0 protocol.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(r)
	status := http.StatusOK
	if err != nil {
		e := &apiError{name: "InternalServerError", message: err.Error()}
		status = http.StatusInternalServerError
		if errors.As(err, &e) {
			status = http.StatusBadRequest
		}
		answer = map[string]any{"__type": "com.amazonaws.swf.service.v2.model#" + e.name, "message": e.message}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("x-amzn-RequestId", uuid.NewString())
	w.WriteHeader(status)
	_, _ = io.WriteString(w, encode(answer)) // the client may be gone
}

func (s *Service) answer(r *http.Request) (any, error) {
	name, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions.")
	run, known := operations[name]
	if !ours || !known {
		return nil, refuse("UnknownOperationException", "operation %q is not served", name)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, refuse("SerializationException", "read request: %v", err)
	}
	return run(s, body)
}

// page is the part of a request that asks for one page of a list. A token is a
// position in the list.
type page struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

// read returns how many items are asked for and from which position, which is
// start without a token and at most n.
func (p page) read(start, n int) (size, at int, err error) {
	if p.MaxResults < 0 || p.MaxResults > 1000 {
		return 0, 0, refuse("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 0 and 1000", p.MaxResults)
	}
	size, at = cmp.Or(p.MaxResults, 100), start
	if p.NextToken != "" {
		if at, err = strconv.Atoi(p.NextToken); err != nil || at < 0 || at > n {
			return 0, 0, refuse("InvalidToken", "Invalid Token: 'Invalid token'")
		}
	}
	return size, at, nil
}
