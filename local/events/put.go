package events

import (
	"encoding/json"
	"errors"
	"strings"

	"go.etcd.io/bbolt"
)

type putEventsInput struct {
	Entries []struct {
		Source, DetailType, Detail, EventBusName string
		Resources                                []string
	}
}

type putEventsOutput struct {
	FailedEntryCount int
	Entries          []putEventsEntry
}

type putEventsEntry struct {
	EventId      string `json:",omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (s *Service) putEvents(in putEventsInput) (any, error) {
	if n := len(in.Entries); n < 1 || n > 10 {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	var out putEventsOutput
	return &out, s.store.Update(func(tx *bbolt.Tx) error {
		out = putEventsOutput{}
		for _, e := range in.Entries {
			var id string
			err := onDefaultBus(e.EventBusName)
			if err == nil && strings.HasPrefix(e.Source, "aws.") {
				err = &Error{"NotAuthorizedForSourceException", "Not authorized for the source."}
			}
			if err == nil {
				id, err = s.put(tx, Event{e.Source, e.DetailType, json.RawMessage(e.Detail), e.Resources})
			}
			entry := putEventsEntry{EventId: id}
			if refused, ok := errors.AsType[*Error](err); ok {
				out.FailedEntryCount++
				entry = putEventsEntry{ErrorCode: refused.Code, ErrorMessage: refused.Message}
			} else if err != nil {
				return err
			}
			out.Entries = append(out.Entries, entry)
		}
		return nil
	})
}

func invalid(message string) *Error { return &Error{"ValidationException", message} }
