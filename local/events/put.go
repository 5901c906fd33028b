package events

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

type putEventsInput struct {
	Entries []struct {
		Source, DetailType, Detail, EventBusName string
		Resources                                []string
	}
}

type putEventsEntry struct {
	EventId      string `json:",omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (s *Service) putEvents(ctx context.Context, in putEventsInput) (any, error) {
	if n := len(in.Entries); n < 1 || n > 10 {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	var out struct {
		FailedEntryCount int
		Entries          []putEventsEntry
	}
	for _, e := range in.Entries {
		var id string
		err := onDefaultBus(e.EventBusName)
		if err == nil && strings.HasPrefix(e.Source, "aws.") {
			err = &Error{"NotAuthorizedForSourceException", "Not authorized for the source."}
		}
		if err == nil {
			id, err = s.put(ctx, Event{e.Source, e.DetailType, json.RawMessage(e.Detail), e.Resources})
		}
		entry := putEventsEntry{EventId: id}
		if err != nil {
			out.FailedEntryCount++
			entry = putEventsEntry{ErrorCode: "InternalFailure", ErrorMessage: err.Error()}
			if e, ok := errors.AsType[*Error](err); ok {
				entry = putEventsEntry{ErrorCode: e.Code, ErrorMessage: e.Message}
			}
		}
		out.Entries = append(out.Entries, entry)
	}
	return out, nil
}

func invalid(message string) *Error { return &Error{"ValidationException", message} }
