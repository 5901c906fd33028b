package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/lazaret/lazaret/internal/job"
)

// s3Record is one record of an S3 notification. Its Size is a pointer, because the type in
// aws-lambda-go cannot tell a size of 0 from a missing one.
type s3Record struct {
	EventName string `json:"eventName"`
	S3        struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"` // URL-encoded
			Size      *int64 `json:"size"`
			ETag      string `json:"eTag"`
			VersionID string `json:"versionId"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`
}

// notification reads S3's own format. If some records are invalid, the error comes with the jobs of
// the valid ones:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func notification(records json.RawMessage) (Message, error) {
	var all []s3Record
	if err := json.Unmarshal(records, &all); err != nil {
		return Message{}, fmt.Errorf("%w: S3 notification: %w", ErrUnknown, err)
	}
	if len(all) == 0 {
		return Message{}, fmt.Errorf("%w: S3 notification without records", ErrUnknown)
	}
	var m Message
	var errs error
	for i, r := range all {
		if err := m.addRecord(r); err != nil {
			errs = errors.Join(errs, fmt.Errorf("record %d of an S3 notification: %w", i, err))
		}
	}
	return m, errs
}

// addRecord adds the job of one record, or says in Ignored why it needs none.
func (m *Message) addRecord(r s3Record) error {
	if r.EventName == "" {
		return fmt.Errorf("%w: it has no eventName", ErrUnknown)
	}
	switch kindOf(r.EventName) {
	case ignored:
		m.Ignored = append(m.Ignored, r.EventName)
		return nil
	case unknown:
		return unknownEvent(r.EventName)
	case created:
	}
	o := r.S3.Object
	key, err := url.QueryUnescape(o.Key)
	if err != nil {
		return fmt.Errorf("%w: decode the key: %w", ErrUnknown, err)
	}
	return m.addObject(job.Job{Object: job.Object{
		Bucket: r.S3.Bucket.Name, Key: key, VersionID: o.VersionID, ETag: o.ETag, Sequencer: o.Sequencer,
	}}, o.Size)
}

// objectCreated reads EventBridge's event "Object Created", whose keys are not URL-encoded:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func objectCreated(detail json.RawMessage) (Message, error) {
	var d struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      *int64 `json:"size"`
			ETag      string `json:"etag"`
			VersionID string `json:"version-id"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	}
	if err := json.Unmarshal(detail, &d); err != nil {
		return Message{}, fmt.Errorf("%w: EventBridge event: %w", ErrUnknown, err)
	}
	var m Message
	if err := m.addObject(job.Job{Object: job.Object{
		Bucket: d.Bucket.Name, Key: d.Object.Key, VersionID: d.Object.VersionID,
		ETag: d.Object.ETag, Sequencer: d.Object.Sequencer,
	}}, d.Object.Size); err != nil {
		return Message{}, fmt.Errorf("EventBridge event: %w", err)
	}
	return m, nil
}
