package redrive

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// The errors of dead letters that contain none.
const (
	// NotDispatched is the error of an upload, or of a list of objects, whose executions dispatch could not start in
	// 500 attempts. Dispatch logs the reason with the id of the message. A letter that dispatch has sent itself has an
	// attribute with the error.
	NotDispatched = "NotDispatched"
	// NotUnderstood is the error of a message from which dispatch can start nothing. If it is sent back, it becomes a
	// dead letter again.
	NotUnderstood = upload.NotUnderstood
)

// Retention is how long SQS keeps a dead letter after it was sent: MessageRetentionPeriod of the queue in
// template.yaml.
const Retention = 14 * 24 * time.Hour

// Letter is a dead letter.
type Letter struct {
	MessageID string
	Error     string       // of the state machine, the status of a stopped execution, or one of the above
	Cause     string       // the text of the error; may be empty
	Execution string       // ARN; empty if no execution was started
	Objects   []job.Object // none if the letter is NotUnderstood
	Attempt   int          // of the executions that a redrive starts

	Sent       time.Time         // when SQS took the message, UTC; a move by a redrive policy does not change it
	Body       string            // of the message, as it is
	Attributes map[string]string // message attributes, the texts alone

	jobs []string // names of the jobs that a redrive starts, without the attempt; if NotUnderstood, the body
}

// Parse reads the body of a dead letter. A body that dispatch would refuse is NotUnderstood: package upload decides
// both.
func Parse(body string) Letter {
	m, err := upload.Decode([]byte(body))
	if err != nil {
		return Letter{Error: NotUnderstood, Cause: err.Error(), jobs: []string{body}}
	}
	l := Letter{Error: NotDispatched}
	for _, j := range m.Jobs {
		l.Objects = append(l.Objects, j.Object)
		l.Attempt = j.Attempt
		j.Attempt = 0
		l.jobs = append(l.jobs, j.ExecutionName())
	}
	// The error is in the fields of upload.DeadLetter, which the state machine sends, or in the detail of an event on
	// an execution that did not end by itself. Other bodies have neither. Decode has checked that the body is JSON.
	var failure struct {
		upload.DeadLetter
		Detail struct {
			Status    string `json:"status"`
			Error     string `json:"error"`
			Cause     string `json:"cause"`
			Execution string `json:"executionArn"`
		} `json:"detail"`
	}
	_ = json.Unmarshal([]byte(body), &failure)
	switch {
	case m.EndedExecution != "":
		l.Error = cmp.Or(failure.Detail.Error, failure.Detail.Status, l.Error)
		l.Cause, l.Execution = failure.Detail.Cause, m.EndedExecution
	case failure.Execution != "" || failure.Error != "":
		l.Error = cmp.Or(failure.Error, l.Error)
		l.Cause, l.Execution = failure.Cause, failure.Execution
	}
	l.Cause = job.Message(l.Cause)
	return l
}

// read reads a message of the dead-letter queue.
func read(m types.Message) Letter {
	l := Parse(aws.ToString(m.Body))
	l.MessageID, l.Body = aws.ToString(m.MessageId), aws.ToString(m.Body)
	if sent := sentAt(m); !sent.IsZero() {
		l.Sent = sent.UTC()
	}
	for name, a := range m.MessageAttributes {
		if a.StringValue != nil {
			if l.Attributes == nil {
				l.Attributes = map[string]string{}
			}
			l.Attributes[name] = *a.StringValue
		}
	}
	text := func(attribute string) string { return aws.ToString(m.MessageAttributes[attribute].StringValue) }
	if name := text(upload.ErrorAttribute); l.Error == NotDispatched && name != "" {
		l.Error, l.Cause = name, text(upload.CauseAttribute)
	}
	return l
}

// Matches reports whether the error, the cause, a key or the execution's name contains the text, or the text is the
// whole ARN of the execution. The rest of the ARN is the same for every letter of a stack. A letter that is
// NotUnderstood never matches, because a redrive changes nothing about it.
func (l Letter) Matches(text string) bool {
	return l.Error != NotUnderstood && l.Contains(text)
}

// Contains is Matches for letters of every error. Of a letter that is NotUnderstood the body counts too.
func (l Letter) Contains(text string) bool {
	if l.Error == NotUnderstood && strings.Contains(l.Body, text) {
		return true
	}
	for _, o := range l.Objects {
		if strings.Contains(o.Key, text) {
			return true
		}
	}
	return strings.Contains(l.Error, text) || strings.Contains(l.Cause, text) ||
		strings.Contains(l.ExecutionName(), text) || l.Execution == text
}

// ExecutionName returns the name of the execution, or "" if none was started.
func (l Letter) ExecutionName() string { return history.Name(l.Execution) }

// Expires returns when SQS deletes the letter, and the zero time if it is not known when it was sent.
func (l Letter) Expires() time.Time {
	if l.Sent.IsZero() {
		return time.Time{}
	}
	return l.Sent.Add(Retention)
}
