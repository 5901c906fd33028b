// Package upload decodes what the uploads queue may hold into the jobs it asks
// for: S3's own notifications, S3 events through EventBridge, either of them
// wrapped by SNS, dead letters put back as they are, and the operators' lists
// of objects. It only decodes; dispatch adds the policy and starts executions.
package upload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/job"
)

// ErrUnknown says that a message is none of the known kinds, only half of one, or
// an event of which nobody knows whether it is an upload. No error of Decode is
// without it, and no other delivery of the message changes it. It fails alone and
// ends in the dead-letter queue; nothing is dropped.
var ErrUnknown = errors.New("not an upload")

// The letter of such a message says what was wrong in attributes of these names.
// Its Error is NotUnderstood.
const (
	ErrorAttribute = "Error"
	CauseAttribute = "Cause"
	NotUnderstood  = "NotUnderstood"
)

// Message is what one message asks for.
type Message struct {
	// Jobs are to be started, without Policy. Several for an S3 notification of
	// several records or a list; none for what is accepted and needs no scan.
	Jobs []job.Job
	// Ignored says for the log why a message, or part of it, needs no scan.
	Ignored []string
	// Died is the ARN of the execution that the one job is a replay of, where
	// that died without handing its job over: what it knew is in its history.
	Died string
}

// List is the envelope of the operators' commands: scan these objects, as a run
// of its own, so that names used by earlier scans are not in the way.
type List struct {
	Run     string       `json:"run"`
	Objects []job.Object `json:"objects"`
}

// DeadLetter is what the state DeadLetter hands over; see scan.asl.json.
type DeadLetter struct {
	Job       job.Job `json:"job"`
	Error     string  `json:"error"`
	Cause     string  `json:"cause"`
	Execution string  `json:"execution"` // ARN
}

// envelope has the fields by which the kinds are told apart.
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

// Decode reads one message body. With an error, an ErrUnknown, come the jobs of
// those records of a notification that are understood.
func Decode(body []byte) (Message, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if e.Type == "Notification" && e.Message != nil {
		// Once only: a notification inside a notification is nobody's upload.
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
	case slices.Contains(bridged, e.DetailType):
		return Message{Ignored: []string{e.DetailType}}, nil
	case e.DetailType == "Step Functions Execution Status Change":
		return died(e.Detail)
	case e.DetailType != "":
		return Message{}, unknownEvent(e.DetailType)
	case len(e.Job) > 0:
		return deadLetter(body)
	case len(e.Objects) > 0:
		return list(body)
	}
	return Message{}, fmt.Errorf("%w: neither an S3 event nor a dead letter nor a list of objects: %s", ErrUnknown, excerpt(body))
}

// died reads the event of an execution that ended outside every Catch. Its
// input is the job as dispatch made it.
func died(detail json.RawMessage) (Message, error) {
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
	m := Message{Died: d.Execution}
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
		Objects []struct {
			job.Object
			Size *int64 `json:"size"` // in place of the object's
		} `json:"objects"`
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return Message{}, fmt.Errorf("%w: list of objects: %w", ErrUnknown, err)
	}
	if len(l.Objects) == 0 {
		return Message{}, fmt.Errorf("%w: list of no objects", ErrUnknown)
	}
	var m Message
	for i, o := range l.Objects {
		if err := m.addObject(job.Job{Object: o.Object, Run: l.Run}, o.Size); err != nil {
			return Message{}, fmt.Errorf("object %d of a list: %w", i, err)
		}
	}
	return m, nil
}

// Replay is the next attempt at a job. It scans again, and keeps the earlier
// scan and copy, so that an object already in quarantine is still announced.
func Replay(j job.Job) job.Job {
	j.Attempt++
	j.Work, j.Error = nil, nil
	return j
}

// addObject adds a job for an object of this size, nil where nobody said it. An
// empty object whose key ends in a slash, which stands for a folder, is one like
// any other: s3fs, s3a and rclone ask for it, and a read gate shuts until it has
// its verdict.
func (m *Message) addObject(j job.Job, size *int64) error {
	if size != nil {
		j.Object.Size = *size
	}
	return m.add(j)
}

// add appends a job as it can be started.
func (m *Message) add(j job.Job) error {
	j, err := complete(j)
	if err == nil {
		m.Jobs = append(m.Jobs, j)
	}
	return err
}

// complete returns the job as it can be started.
func complete(j job.Job) (job.Job, error) {
	if j.Version == 0 {
		j.Version = job.Version
	}
	if err := j.Validate(); err != nil {
		return j, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if !utf8.ValidString(j.Object.Key) { // the job travels as JSON, in which it would be another key
		return j, fmt.Errorf("%w: key %q is not UTF-8", ErrUnknown, j.Object.Key)
	}
	return j, nil
}

// excerpt is as much of a body as an error needs.
func excerpt(body []byte) string {
	const enough = 200
	body = bytes.ToValidUTF8(body[:min(len(body), enough)], nil)
	return fmt.Sprintf("%q", body)
}
