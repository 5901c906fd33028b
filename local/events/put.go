package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// unixTime is a time as the protocol has it: seconds since 1970, with a fraction.
type unixTime struct{ time.Time }

func (t *unixTime) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	t.Time = time.UnixMilli(int64(seconds * 1000))
	return nil
}

type putEventsInput struct {
	Entries []struct {
		Source, DetailType, Detail, EventBusName string
		Resources                                []string
		Time                                     unixTime
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
		var err error
		if strings.HasPrefix(e.Source, "aws.") {
			err = &Error{"NotAuthorizedForSourceException", "Not authorized for the source."}
		} else {
			id, err = s.put(ctx, Event{e.Source, e.DetailType, json.RawMessage(e.Detail), e.Resources, e.EventBusName, e.Time.Time})
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
