package job

import "encoding/json"

// Message is the cause as people read it. A Lambda's error arrives as JSON
// with its message inside, see "Lambda function errors" in Lambda's guide; any
// other cause is returned as it is.
func Message(cause string) string {
	var e struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &e) == nil && e.Message != "" {
		return e.Message
	}
	return cause
}
