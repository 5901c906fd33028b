package lambda

import (
	"bytes"
	"encoding/json"
	"slices"
)

// succeeded picks the messages of a batch to delete after the function returned
// without an error. The rules are those of "Handling errors for an SQS event
// source in Lambda",
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html:
// no response, or no list of failures, is success; an answer that is not what
// Lambda asked for, and an identifier that is missing, empty or of no message of
// the batch, fails all of it.
func (s *source) succeeded(response []byte, batch []Message) []Message {
	if !s.ReportFailures || len(bytes.TrimSpace(response)) == 0 {
		return batch
	}
	var answer struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if json.Unmarshal(response, &answer) != nil {
		return nil
	}
	rest := slices.Clone(batch)
	for _, failure := range answer.Failures {
		same := func(m Message) bool { return m.ID == failure.ID }
		if !slices.ContainsFunc(batch, same) {
			return nil
		}
		rest = slices.DeleteFunc(rest, same)
	}
	return rest
}
