package sqs

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/lazaret/lazaret/local/api"
)

var batchID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type batchInput struct {
	QueueUrl string
	Entries  []aboutMessage
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

// batch makes an operation that runs do for every entry, in one transaction. What is wrong with the batch fails the
// request; what is wrong with an entry fails that entry.
func batch(s *Service, do func(*queue, aboutMessage) (any, error)) api.Operation {
	return api.Decoded(func(_ *http.Request, in batchInput) (any, error) {
		var out batchOutput
		err := s.on(nameOf(in.QueueUrl), s.store.Update, func(q *queue) error {
			out = batchOutput{Successful: []any{}, Failed: []batchFailure{}}
			if err := in.check(); err != nil {
				return err
			}
			for _, e := range in.Entries {
				done, err := do(q, e)
				if refused, ok := errors.AsType[*api.Error](err); ok {
					out.Failed = append(out.Failed, batchFailure{
						Id: e.Id, SenderFault: true, Code: refused.Code, Message: refused.Message,
					})
					continue
				}
				if err != nil {
					return err
				}
				if done == nil {
					done = map[string]string{"Id": e.Id}
				}
				out.Successful = append(out.Successful, done)
			}
			return nil
		})
		return out, err
	})
}

// check returns the error with which SQS refuses a whole batch.
func (in batchInput) check() error {
	total, seen := 0, map[string]bool{}
	for _, e := range in.Entries {
		total += size(e.MessageBody, e.MessageAttributes)
		switch {
		case !batchID.MatchString(e.Id):
			return api.Refuse("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and "+
				"underscores. It can be at most 80 letters long.")
		case seen[e.Id]:
			return api.Refuse("BatchEntryIdsNotDistinct", "Id %s repeated.", e.Id)
		}
		seen[e.Id] = true
	}
	switch {
	case len(in.Entries) == 0:
		return api.Refuse("EmptyBatchRequest", "There should be at least one entry in the request.")
	case len(in.Entries) > maxReceive:
		return api.Refuse("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d.", maxReceive)
	case total > maxSize:
		return api.Refuse("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes.", maxSize)
	}
	return nil
}
