package states

import (
	"encoding/base64"
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
	"StartExecution":                   op((*Service).startExecution),
	"StopExecution":                    op((*Service).stopExecution),
	"DescribeExecution":                op((*Service).describeExecution),
	"ListExecutions":                   op((*Service).listExecutions),
	"GetExecutionHistory":              op((*Service).getExecutionHistory),
	"ListStateMachines":                op((*Service).listStateMachines),
	"DescribeStateMachine":             op((*Service).describeStateMachine),
	"DescribeStateMachineForExecution": op((*Service).describeStateMachineForExecution),
	"ListTagsForResource":              op((*Service).listTagsForResource),
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

// page is the part of a request that asks for one page of a list.
type page struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

func (p page) size() (int, error) {
	if p.MaxResults < 0 || p.MaxResults > 1000 {
		return 0, refuse("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 0 and 1000", p.MaxResults)
	}
	if p.MaxResults == 0 {
		return 100, nil
	}
	return p.MaxResults, nil
}

// cut returns the bounds of the page of a list of n items and the token of the
// page after it, "" for none.
func (p page) cut(n int, list string) (from, to int, next string, err error) {
	size, err := p.size()
	if err != nil {
		return 0, 0, "", err
	}
	if from, err = p.position(n, list); err != nil {
		return 0, 0, "", err
	}
	if to = min(from+size, n); to < n {
		next = token(list, to)
	}
	return from, to, next, nil
}

// token names a position in a list. It holds the list's name too, so that the
// token of another list is invalid.
func token(list string, position int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + "\n" + strconv.Itoa(position)))
}

// position reads the token, at most n; without one it is 0.
func (p page) position(n int, list string) (int, error) {
	if p.NextToken == "" {
		return 0, nil
	}
	text, decodeErr := base64.RawURLEncoding.DecodeString(p.NextToken)
	number, ok := strings.CutPrefix(string(text), list+"\n")
	at, err := strconv.Atoi(number)
	if decodeErr != nil || !ok || err != nil || at < 0 || at > n {
		return 0, refuse("InvalidToken", "Invalid Token: 'Invalid token'")
	}
	return at, nil
}

func paged(list string, items []any, next string) map[string]any {
	out := map[string]any{list: items}
	if next != "" {
		out["nextToken"] = next
	}
	return out
}
