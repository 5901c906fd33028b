package sqs

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// message is one message in a queue.
type message struct {
	number        uint64 // in its queue
	ID            string
	Body          string
	Attributes    map[string]attribute `json:",omitempty"`
	Sent          time.Time
	FirstReceived time.Time `json:",omitzero"`
	Received      int       `json:",omitempty"`
	Source        string    `json:",omitempty"` // ARN of the queue whose redrive policy moved it here
	VisibleAt     time.Time
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

// receipt of the latest receive: every receive counts.
func (m *message) receipt() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d", m.ID, m.number, m.Received))
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
