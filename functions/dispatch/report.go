package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/upload"
)

// reportLetter puts the event about each object of a message that dispatch has sent to the dead letters. A message of
// which no object can be read has no event. An event that cannot be put is logged only: the dead letter is in its
// queue.
func (h *handler) reportLetter(ctx context.Context, m events.SQSMessage, name string, cause error) {
	if !h.policy.GuardDutyEvents {
		return
	}
	decoded, _ := upload.Decode([]byte(m.Body)) // the jobs of its valid records
	for _, j := range decoded.Jobs {
		detail := guardduty.FromDeadLetter(j, guardduty.DeadLetter{Error: name, Cause: cause.Error()})
		if err := guardduty.Put(ctx, h.events, eventBus, detail); err != nil {
			slog.ErrorContext(ctx, "dispatch", "messageId", m.MessageId, "cause", err.Error())
		}
	}
}

// eventBus is the bus to which all events of the stack go.
const eventBus = "default"
