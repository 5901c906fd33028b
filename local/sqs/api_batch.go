package sqs

import (
	"errors"
	"regexp"
)

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type batchInput[Entry any] struct {
	QueueUrl string
	Entries  []Entry
}

type batchFailure struct {
	Id          string
	SenderFault bool
	Code        string
	Message     string
}

type batchOutput struct {
	Successful []any
	Failed     []batchFailure
}

// batch runs an operation for every entry, in one transaction. What is wrong with
// the batch fails the request; what is wrong with an entry fails that entry.
func batch[Entry any](c call, in batchInput[Entry], id func(Entry) string, do func(*queue, Entry) (any, error)) (any, error) {
	if err := c.on(nameOf(in.QueueUrl), c.store.View, func(*queue) error { return nil }); err != nil {
		return nil, err
	}
	switch n := len(in.Entries); {
	case n == 0:
		return nil, &Error{Code: "EmptyBatchRequest", Message: "There should be at least one entry in the request."}
	case n > maxReceive:
		return nil, &Error{Code: "TooManyEntriesInBatchRequest", Message: "Maximum number of entries per request are 10."}
	}
	seen := make(map[string]bool)
	for _, e := range in.Entries {
		switch id := id(e); {
		case !batchID.MatchString(id):
			return nil, &Error{Code: "InvalidBatchEntryId", Message: "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."}
		case seen[id]:
			return nil, &Error{Code: "BatchEntryIdsNotDistinct", Message: "Id " + id + " repeated."}
		default:
			seen[id] = true
		}
	}
	var out batchOutput
	err := c.on(nameOf(in.QueueUrl), c.store.Update, func(q *queue) error {
		out = batchOutput{Successful: []any{}, Failed: []batchFailure{}}
		for _, e := range in.Entries {
			done, err := do(q, e)
			if failed, ok := errors.AsType[*Error](err); ok {
				out.Failed = append(out.Failed, batchFailure{id(e), true, failed.Code, failed.Message})
				continue
			} else if err != nil {
				return err
			}
			if done == nil {
				done = map[string]string{"Id": id(e)}
			}
			out.Successful = append(out.Successful, done)
		}
		return nil
	})
	return out, err
}

func (c call) sendMessageBatch(in batchInput[sendInput]) (any, error) {
	total := 0
	for _, e := range in.Entries {
		total += e.outgoing().size()
	}
	if total > maxSize {
		return nil, &Error{Code: "BatchRequestTooLong", Message: "Batch requests cannot be longer than 1048576 bytes."}
	}
	return batch(c, in, func(e sendInput) string { return e.Id }, (*queue).sendMessage)
}

func (c call) deleteMessageBatch(in batchInput[receiptInput]) (any, error) {
	return batch(c, in, receiptInput.id, (*queue).deleteMessage)
}

func (c call) changeVisibilityBatch(in batchInput[receiptInput]) (any, error) {
	return batch(c, in, receiptInput.id, (*queue).changeVisibility)
}

func (in receiptInput) id() string { return in.Id }
