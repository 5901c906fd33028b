package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// created is a way in which an object comes to be, under the names that S3's
// two kinds of event have for it:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
type created struct {
	event  string // notification, without "s3:"
	reason string // EventBridge
}

var (
	createdPut       = created{"ObjectCreated:Put", "PutObject"}
	createdPost      = created{"ObjectCreated:Post", "POST Object"}
	createdCopy      = created{"ObjectCreated:Copy", "CopyObject"}
	createdMultipart = created{"ObjectCreated:CompleteMultipartUpload", "CompleteMultipartUpload"}
)

// object is what an event is about.
type object struct {
	bucket, key     string
	versionID, eTag string // versionID is empty in an unversioned bucket
	size            int64
	requester       caller

	// Filled in by announce.
	sequencer string
	requestID string
	at        time.Time
}

// announcer turns created objects into the deliveries that the template asks
// for, or whoever made the bucket: without either it announces nothing.
type announcer struct {
	mu       sync.RWMutex
	buckets  map[string]template.Bucket
	deliver  func(ctx context.Context, queueARN, body string) error
	putEvent func(ctx context.Context, source, detailType string, detail json.RawMessage, resources []string) error
	sequence atomic.Int64
}

func newAnnouncer(cfg Config) *announcer {
	a := &announcer{buckets: map[string]template.Bucket{}, deliver: cfg.Deliver, putEvent: cfg.PutEvent}
	for _, b := range cfg.Buckets {
		a.buckets[b.Name] = b
	}
	// Starting from the clock keeps sequencers rising over restarts.
	a.sequence.Store(time.Now().UnixNano())
	return a
}

// of returns what is announced of a bucket.
func (a *announcer) of(bucket string) template.Bucket {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.buckets[bucket]
}

// configure replaces what is announced of a bucket.
func (a *announcer) configure(b template.Bucket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buckets[b.Name] = b
}

// announce makes every delivery that matches, and returns the first error.
func (a *announcer) announce(ctx context.Context, kind created, o object) error {
	b := a.of(o.bucket)
	o.eTag = trimQuotes(o.eTag)
	o.sequencer = fmt.Sprintf("%016X", a.sequence.Add(1))
	o.requestID = uuid.NewString()
	o.at = time.Now()
	for _, n := range b.Notifications {
		if !wanted(n, kind, o.key) {
			continue
		}
		body, err := json.Marshal(notification(kind, o))
		if err != nil {
			return fmt.Errorf("encode notification: %w", err)
		}
		if err := a.deliver(ctx, n.QueueARN, string(body)); err != nil {
			return fmt.Errorf("deliver to %s: %w", n.QueueARN, err)
		}
	}
	if !b.EventBridge {
		return nil
	}
	body, err := json.Marshal(detail(kind, o))
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if err := a.putEvent(ctx, "aws.s3", "Object Created", body, []string{"arn:aws:s3:::" + o.bucket}); err != nil {
		return fmt.Errorf("put event: %w", err)
	}
	return nil
}

func wanted(n template.Notification, kind created, key string) bool {
	family, all := strings.CutSuffix(strings.TrimPrefix(n.Event, "s3:"), "*")
	return (family == kind.event || all && strings.HasPrefix(kind.event, family)) &&
		strings.HasPrefix(key, n.Prefix) && strings.HasSuffix(key, n.Suffix)
}

// fields is a JSON object. encoding/json writes its keys in order.
type fields map[string]any

// notification is the message of the S3 event notification feature:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func notification(kind created, o object) fields {
	entity := fields{"key": encodeKey(o.key), "size": o.size, "eTag": o.eTag, "sequencer": o.sequencer}
	if o.versionID != "" {
		entity["versionId"] = o.versionID
	}
	return fields{"Records": []fields{{
		"eventVersion":      "2.6",
		"eventSource":       "aws:s3",
		"awsRegion":         template.Region,
		"eventTime":         o.at.UTC().Format("2006-01-02T15:04:05.000Z"),
		"eventName":         kind.event,
		"userIdentity":      fields{"principalId": "AWS:" + o.requester.arn},
		"requestParameters": fields{"sourceIPAddress": "127.0.0.1"},
		"responseElements":  fields{"x-amz-request-id": o.requestID, "x-amz-id-2": o.requestID},
		"s3": fields{
			"s3SchemaVersion": "1.0",
			"configurationId": "lazaret",
			"bucket":          fields{"name": o.bucket, "arn": "arn:aws:s3:::" + o.bucket, "ownerIdentity": fields{"principalId": template.Account}},
			"object":          entity,
		},
	}}}
}

// detail is the detail of the EventBridge event, where the key stands as it is:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func detail(kind created, o object) fields {
	entity := fields{"key": o.key, "size": o.size, "etag": o.eTag, "sequencer": o.sequencer}
	if o.versionID != "" {
		entity["version-id"] = o.versionID
	}
	return fields{
		"version":           "0",
		"bucket":            fields{"name": o.bucket},
		"object":            entity,
		"request-id":        o.requestID,
		"requester":         o.requester.account,
		"source-ip-address": "127.0.0.1",
		"reason":            kind.reason,
	}
}

// encodeKey encodes as in an HTML form (a space becomes +) except for slashes.
func encodeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

func trimQuotes(eTag string) string { return strings.Trim(eTag, `"`) }
