package metrics

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// namesOfEvents are the metrics of AWS/States by the type of the event that is counted:
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
var namesOfEvents = map[string]string{
	"ExecutionStarted":   "ExecutionsStarted",
	"ExecutionSucceeded": "ExecutionsSucceeded",
	"ExecutionFailed":    "ExecutionsFailed",
	"ExecutionTimedOut":  "ExecutionsTimedOut",
	"ExecutionAborted":   "ExecutionsAborted",
}

// OfMachine is a metric of a state machine's executions.
func OfMachine(machineARN, name string) Series {
	return Series{Namespace: "AWS/States", Name: name, Dimensions: map[string]string{"StateMachineArn": machineARN}}
}

// ExpressEvents finds the beginnings and ends of executions in a line of the log of an express state machine.
func ExpressEvents(machineARN string) func(line []byte) []Point {
	return func(line []byte) []Point {
		if !bytes.Contains(line, []byte(`"type":"Execution`)) {
			return nil
		}
		var e struct {
			Type string `json:"type"`
			At   string `json:"event_timestamp"` // Unix time in ms
		}
		if json.Unmarshal(line, &e) != nil || namesOfEvents[e.Type] == "" {
			return nil
		}
		ms, err := strconv.ParseInt(e.At, 10, 64)
		if err != nil {
			return nil
		}
		return []Point{{Series: OfMachine(machineARN, namesOfEvents[e.Type]), At: time.UnixMilli(ms), Value: 1}}
	}
}
