package lambda

import "encoding/json"

const (
	serviceException = "ServiceException"
	tooManyRequests  = "TooManyRequestsException"
)

// Error is a failure of a call to Lambda, named as the API names it.
type Error struct {
	Code    string // "ResourceNotFoundException"
	Message string
	Reason  string // of TooManyRequestsException
}

// Error is the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// fault is a failure of the function: the payload of a Result that has
// FunctionError set.
type fault struct{ payload []byte }

func (f *fault) Error() string { return string(f.payload) }

func newFault(errorType, message string) *fault {
	payload, _ := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message}) // strings always marshal
	return &fault{payload: payload}
}
