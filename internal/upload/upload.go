// Package upload decodes the messages of the uploads queue into jobs: S3's own notifications, S3
// events through EventBridge, either of them wrapped by SNS, dead letters that were sent back, events
// about executions that ended without a result, and lists of objects from the operator's commands.
// Function dispatch adds the policy to the jobs and starts their executions.
package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/excerpt"
	"github.com/lazaret/lazaret/internal/job"
)

// ErrUnknown is in every error of Decode: the message is of no known kind, is incomplete, or is an
// event that may or may not be an upload. Another delivery of the message gives the same error, so
// dispatch sends it to the dead-letter queue and drops nothing.
var ErrUnknown = errors.New("not an upload")

// The dead letter of a message that Decode does not understand has two message attributes with these
// names. The value of ErrorAttribute is NotUnderstood.
const (
	ErrorAttribute = "Error"
	CauseAttribute = "Cause"
	NotUnderstood  = "NotUnderstood"
)

// Message is what one message of the queue asks for.
type Message struct {
	// Jobs are the jobs to start, without Policy: several for a list or for a notification with several
	// records, none for a message that needs no scan.
	Jobs []job.Job
	// Ignored says, for the log, why the message or a part of it needs no scan.
	Ignored []string
	// EndedExecution is the ARN of an execution that was aborted or timed out and that the one job is a
	// replay of; empty for every other message. The results of that execution are only in its history.
	EndedExecution string
}

// List is a message of the operator's commands: scan these objects as one run. The run is part of the
// executions' names, so that names of earlier scans do not stop them.
type List struct {
	Run     string   `json:"run"`
	Stays   bool     `json:"stays,omitempty"` // see job.Job
	Objects []Listed `json:"objects"`
}

// Listed is an object of a List.
type Listed struct {
	job.Object
	Earlier *job.Earlier `json:"earlier,omitempty"` // the verdict that it has, where the sender has read it
}

// DeadLetter is the message that the state DeadLetter sends to the dead-letter queue; see
// statemachine/scan.asl.json.
type DeadLetter struct {
	Job       job.Job `json:"job"`
	Error     string  `json:"error"`
	Cause     string  `json:"cause"`
	Execution string  `json:"execution"` // ARN
}

// envelope holds the fields that tell the kinds of messages apart.
type envelope struct {
	Event      string          `json:"Event"`       // S3's test message
	Records    json.RawMessage `json:"Records"`     // S3 notification
	Type       string          `json:"Type"`        // SNS
	Message    *string         `json:"Message"`     // SNS
	DetailType string          `json:"detail-type"` // EventBridge
	Detail     json.RawMessage `json:"detail"`
	Job        json.RawMessage `json:"job"`     // dead letter
	Objects    json.RawMessage `json:"objects"` // list
}

// Decode reads the body of one message. An error is an ErrUnknown; the jobs of those records of a
// notification that are valid come with it.
func Decode(body []byte) (Message, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if e.Type == "Notification" && e.Message != nil {
		// Once only: S3 and EventBridge never nest SNS notifications.
		inner := []byte(*e.Message)
		e = envelope{}
		if err := json.Unmarshal(inner, &e); err != nil {
			return Message{}, fmt.Errorf("%w: message of an SNS notification: %w", ErrUnknown, err)
		}
		body = inner
	}
	switch {
	case e.Event == "s3:TestEvent":
		return Message{Ignored: []string{"s3:TestEvent"}}, nil
	case len(e.Records) > 0:
		return notification(e.Records)
	case e.DetailType == "Object Created":
		return objectCreated(e.Detail)
	case slices.Contains(ignoredDetailTypes, e.DetailType):
		return Message{Ignored: []string{e.DetailType}}, nil
	case e.DetailType == "Step Functions Execution Status Change":
		return endedExecution(e.Detail)
	case e.DetailType != "":
		return Message{}, unknownEvent(e.DetailType)
	case len(e.Job) > 0:
		return deadLetter(body)
	case len(e.Objects) > 0:
		return list(body)
	}
	return Message{}, fmt.Errorf("%w: neither an S3 event nor a dead letter nor a list of objects: %q",
		ErrUnknown, excerpt.Cut(string(body), 200))
}

// endedExecution reads EventBridge's event about an execution that was aborted or timed out, after
// which no Catch sends a dead letter. The input of the execution is the job as dispatch made it.
func endedExecution(detail json.RawMessage) (Message, error) {
	var d struct {
		Execution string `json:"executionArn"`
		Input     string `json:"input"`
	}
	if err := json.Unmarshal(detail, &d); err != nil {
		return Message{}, fmt.Errorf("%w: execution status: %w", ErrUnknown, err)
	}
	var j job.Job
	if err := json.Unmarshal([]byte(d.Input), &j); err != nil {
		return Message{}, fmt.Errorf("%w: input of execution %s: %w", ErrUnknown, d.Execution, err)
	}
	m := Message{EndedExecution: d.Execution}
	if err := m.add(Replay(j)); err != nil {
		return Message{}, fmt.Errorf("input of execution %s: %w", d.Execution, err)
	}
	return m, nil
}

func deadLetter(body []byte) (Message, error) {
	var d DeadLetter
	if err := json.Unmarshal(body, &d); err != nil {
		return Message{}, fmt.Errorf("%w: dead letter: %w", ErrUnknown, err)
	}
	var m Message
	if err := m.add(Replay(d.Job)); err != nil {
		return Message{}, fmt.Errorf("dead letter of %s: %w", d.Execution, err)
	}
	return m, nil
}

func list(body []byte) (Message, error) {
	var l struct {
		Run     string `json:"run"`
		Stays   bool   `json:"stays"`
		Objects []struct {
			Listed
			Size *int64 `json:"size"` // hides job.Object.Size, which cannot tell 0 from a missing size
		} `json:"objects"`
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return Message{}, fmt.Errorf("%w: list of objects: %w", ErrUnknown, err)
	}
	if len(l.Objects) == 0 {
		return Message{}, fmt.Errorf("%w: the list of objects is empty", ErrUnknown)
	}
	var m Message
	for i, o := range l.Objects {
		if err := m.addObject(job.Job{Object: o.Object, Run: l.Run, Stays: l.Stays, Earlier: o.Earlier}, o.Size); err != nil {
			return Message{}, fmt.Errorf("object %d of a list: %w", i, err)
		}
	}
	return m, nil
}

// Replay returns the job of the next attempt at j. The attempt scans again. It keeps the earlier scan
// and copy, so that an object that is already in quarantine is still announced. It has no lane yet.
func Replay(j job.Job) job.Job {
	j.Attempt++
	j.Lane, j.Work, j.Error = "", nil, nil
	return j
}

// addObject adds the job of an object with a size in bytes; size is nil if the message does not say
// it. An empty object whose key ends in a slash, which stands for a folder, gets a job as well: s3fs,
// s3a and rclone read it, and where only objects with a verdict can be read (the read gate), they
// could not.
func (m *Message) addObject(j job.Job, size *int64) error {
	if size != nil {
		j.Object.Size = *size
	}
	return m.add(j)
}

// add completes a job and adds it.
func (m *Message) add(j job.Job) error {
	j, err := complete(j)
	if err == nil {
		m.Jobs = append(m.Jobs, j)
	}
	return err
}

// complete sets the version of the format where it is missing, and refuses a job that cannot be
// started.
func complete(j job.Job) (job.Job, error) {
	if j.Version == 0 {
		j.Version = job.Version
	}
	if err := j.Validate(); err != nil {
		return j, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if !utf8.ValidString(j.Object.Key) { // JSON would change the key
		return j, fmt.Errorf("%w: key %q is not UTF-8", ErrUnknown, j.Object.Key)
	}
	return j, nil
}
