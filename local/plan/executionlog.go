package plan

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
)

// logOverhead is what CloudWatch bills beside the text of each log event, in bytes:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
const logOverhead = 26

// executionLog returns the bytes that CloudWatch bills for the log of one express execution at level ALL with execution
// data, and the number of events. They are counted by writing the events as Step Functions does: each document that
// travels between states stands in them several times, in JSON in a string in JSON.
func executionLog(x object) (bytes float64, events int) {
	w := &eventWriter{}
	input := jobAfter("", x)
	w.event("ExecutionStarted", fields{
		"input": input, "inputDetails": whole,
		"roleArn": "arn:aws:iam::123456789012:role/lazaret-ExpressStateMachineRole-3QXC1B5VJ2ZK",
	})
	for _, s := range x.states() {
		entered, exited := s.kind+"StateEntered", s.kind+"StateExited"
		w.event(entered, fields{"name": s.name, "input": input, "inputDetails": whole})
		if s.kind == "Task" {
			output := jobAfter(s.function(), x)
			w.task(s, input, output)
			input = output
		}
		w.event(exited, fields{"name": s.name, "output": input, "outputDetails": whole})
	}
	w.event("ExecutionSucceeded", fields{"output": input, "outputDetails": whole})
	return float64(w.bytes), w.events
}

// fields are the details of an event.
type fields map[string]any

// whole says that a document was not cut off.
var whole = map[string]bool{"truncated": false}

// eventWriter counts the bytes of the events of one execution.
type eventWriter struct {
	events, bytes int
}

// task writes the three events of a Task that invokes a function.
func (w *eventWriter) task(s state, input, output string) {
	called := fields{"resource": "invoke", "resourceType": "lambda"}
	scheduled := fields{
		"region": "us-east-1", "timeoutInSeconds": 630,
		"parameters": fmt.Sprintf(invokeParameters, s.function(), input),
	}
	succeeded := fields{"outputDetails": whole, "output": fmt.Sprintf(invokeAnswer, output)}
	for name, value := range called {
		scheduled[name], succeeded[name] = value, value
	}
	w.event("TaskScheduled", scheduled)
	w.event("TaskStarted", called)
	w.event("TaskSucceeded", succeeded)
}

// event writes one event in the form that Step Functions logs.
func (w *eventWriter) event(kind string, details fields) {
	w.events++
	text, err := json.Marshal(fields{
		"id": fmt.Sprint(w.events), "type": kind, "details": details, "previous_event_id": fmt.Sprint(w.events - 1),
		"event_timestamp": "1795977922954", "redrive_count": "0",
		"execution_arn": "arn:aws:states:us-east-1:123456789012:express:lazaret-scan-express:" + sampleExecution +
			":0b8ff9ae-8f0c-4d39-a0b5-8d8a2f1b9d5e",
	})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	w.bytes += len(text) + logOverhead
}

// invokeParameters is what the machine sends to the integration lambda:invoke.
const invokeParameters = `{"FunctionName":"arn:aws:lambda:us-east-1:123456789012:function:lazaret-%s","Payload":%s}`

// invokeAnswer is what the integration lambda:invoke puts around a function's answer. The headers are those that Step
// Functions showed in public logs of 2025.
const invokeAnswer = `{"ExecutedVersion":"$LATEST","Payload":%s,"SdkHttpMetadata":{"AllHttpHeaders":{` +
	`"X-Amz-Executed-Version":["$LATEST"],"x-amzn-Remapped-Content-Length":["0"],"Connection":["keep-alive"],` +
	`"x-amzn-RequestId":["9b111d0e-78f0-4104-ab87-f30dfceb5fc5"],"Content-Length":["1005"],` +
	`"Date":["Mon, 29 Nov 2026 01:19:15 GMT"],"X-Amzn-Trace-Id":["Root=1-6951d70a-3f43124672de60387a603d5d;` +
	`Parent=4891daa21b62b07d;Sampled=0;Lineage=1:ddf3d3e0:0"],"Content-Type":["application/json"]},"HttpHeaders":{` +
	`"Connection":"keep-alive","Content-Length":"1005","Content-Type":"application/json",` +
	`"Date":"Mon, 29 Nov 2026 01:19:15 GMT","X-Amz-Executed-Version":"$LATEST","x-amzn-Remapped-Content-Length":"0",` +
	`"x-amzn-RequestId":"9b111d0e-78f0-4104-ab87-f30dfceb5fc5","X-Amzn-Trace-Id":"Root=1-6951d70a-` +
	`3f43124672de60387a603d5d;Parent=4891daa21b62b07d;Sampled=0;Lineage=1:ddf3d3e0:0"},"HttpStatusCode":200},` +
	`"SdkResponseMetadata":{"RequestId":"9b111d0e-78f0-4104-ab87-f30dfceb5fc5"},"StatusCode":200}`

// The sample object, with names of usual lengths.
const (
	sampleKey       = "invoices/2026/11/invoice-0000001.pdf"
	sampleExecution = "invoice-0000001_pdf-e95cfdd0f577465796be0477ac5e657f9dc9eaf0"
	sampleBucket    = "lazaret-uploads-123456789012-us-east-1"
	sampleSum       = "ec281c4f76f5716eeff811f24b196f0fcd4b1e5b776543e8112de390cca58b98"
)

// jobAfter returns the job as a function returns it, and before the first one as dispatch makes it.
func jobAfter(function string, x object) string {
	j := job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: sampleBucket, Key: sampleKey, VersionID: "WQ6ZJ1dJ5nNs8R0uFhCk3a7gVb2mPpXy",
			ETag: "a735a1819cc1e78ad625bef4531a686c", Size: int64(x.size), Sequencer: "0062E99A88DC407460",
		},
		Policy: job.Policy{PromoteClean: x.end == Promoted, GuardDutyEvents: x.events},
	}
	if x.lane == Express {
		j.Lane = "express-5f3759df5f3759df"
	}
	for _, f := range x.functions() {
		if function == "" {
			break
		}
		pass(&j, f, x)
		if f == function {
			break
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		panic(err) // it has nothing that does not marshal
	}
	return string(text)
}

// pass adds to the job what a function adds.
func pass(j *job.Job, function string, x object) {
	switch function {
	case "fetch":
		j.Work = &job.Work{File: workdir.Name(j.WorkName(), 1), Size: int64(x.size), SHA256: sampleSum, Fetches: 1}
	case "scan":
		at := time.Date(2026, 11, 29, 18, 45, 22, 953755477, time.UTC)
		j.Scan = &job.Scan{
			Verdict: job.Clean, Size: int64(x.size), SHA256: sampleSum, Time: at, DurationMS: 44,
			Engine:      job.Engine{Name: "clamd", Version: "1.4.6"},
			Definitions: &job.Definitions{Version: 27834, Built: at.Truncate(time.Hour), Fingerprint: sampleSum[:32]},
		}
		switch x.end {
		case Infected:
			j.Scan.Verdict, j.Scan.Signature = job.Infected, "Win.Malware.Sample-1000001-0"
		case Unscannable:
			j.Scan.Verdict, j.Scan.Reason = job.Unscannable, job.TooLarge
			j.Scan.Detail = "the engine scans at most 2147483647 bytes"
		}
	case "quarantine", "promote":
		j.Copy = &job.Copy{
			Bucket: sampleBucket, Key: sampleKey, VersionID: "WQ6ZJ1dJ5nNs8R0uFhCk3a7gVb2mPpXy", SHA256: sampleSum,
		}
	}
}
