package sqs

import (
	"strconv"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// message is one message in a queue. The exported fields are what a journal
// keeps: a message that was in flight is visible again after a restart.
type message struct {
	ID            string
	Body          string
	Attributes    map[string]attribute `json:",omitempty"`
	Sent          time.Time
	FirstReceived time.Time `json:",omitzero"`
	Received      int       `json:",omitempty"`
	Source        string    `json:",omitempty"` // ARN of the queue whose redrive policy moved it here
	VisibleAt     time.Time
	receipt       string // of the latest receive; empty before the first
}

// outgoing is a message on its way into a queue.
type outgoing struct {
	Body       string
	Delay      *time.Duration // nil: the queue's
	Attributes map[string]attribute
}

// receiving says what a receive wants. A nil duration is the queue's own.
type receiving struct {
	Max  int
	Hide *time.Duration
	Wait *time.Duration
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// systemAttributes are the attributes that SQS itself gives a message.
func (m *message) systemAttributes() map[string]string {
	a := map[string]string{
		"SenderId":                         template.Account,
		"SentTimestamp":                    millis(m.Sent),
		"ApproximateReceiveCount":          strconv.Itoa(m.Received),
		"ApproximateFirstReceiveTimestamp": millis(m.FirstReceived),
	}
	if m.Source != "" {
		a["DeadLetterQueueSourceArn"] = m.Source
	}
	return a
}
