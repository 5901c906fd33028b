package job

import "encoding/json"

// Message returns the cause of a failure as people read it: the message of the
// JSON that a failed Lambda function returns, and any other cause as it is.
func Message(cause string) string {
	if message := LambdaMessage([]byte(cause)); message != "" {
		return message
	}
	return cause
}

// LambdaMessage returns the errorMessage of the JSON that Lambda returns for a
// function that failed, and "" for anything else:
// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
func LambdaMessage(payload []byte) string {
	var failure struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(payload, &failure) != nil {
		return ""
	}
	return failure.Message
}
