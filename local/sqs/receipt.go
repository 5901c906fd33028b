package sqs

import (
	"encoding/base64"
	"fmt"
	"time"
)

func (q *queue) remove(receipt string) error {
	m, err := q.received(receipt)
	if err != nil || m == nil {
		return err
	}
	return q.delete(m)
}

// hide sets for how long from now a received message stays hidden. Waiting
// receives are woken, because it may be shorter than what they wait for.
func (q *queue) hide(receipt string, d time.Duration) error {
	m, err := q.received(receipt)
	switch now := time.Now(); {
	case err != nil:
		return err
	case m == nil:
		return errReplaced
	case !m.VisibleAt.After(now):
		return errNotInFlight
	default:
		q.wake()
		return q.put(m, now.Add(d))
	}
}

// received finds the message of a receipt; nil when it is gone or has been
// received again since.
func (q *queue) received(receipt string) (*message, error) {
	var id string
	var n uint64
	var count int
	raw, err := base64.StdEncoding.DecodeString(receipt)
	if err == nil {
		_, err = fmt.Sscanf(string(raw), "%s %d %d", &id, &n, &count)
	}
	if err != nil {
		return nil, &Error{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid."}
	}
	m, err := q.get(n)
	if err != nil || m == nil || m.ID != id || m.Received != count {
		return nil, err
	}
	return m, nil
}
