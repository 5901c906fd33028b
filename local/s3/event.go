package s3

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/versity/versitygw/s3api/utils"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// created is the way in which an object was made, with the names that S3's two kinds of events have for it:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
type created struct {
	event  string // in notifications, without "s3:"
	reason string // in events of EventBridge
}

var (
	createdPut       = created{"ObjectCreated:Put", "PutObject"}
	createdPost      = created{"ObjectCreated:Post", "POST Object"}
	createdCopy      = created{"ObjectCreated:Copy", "CopyObject"}
	createdMultipart = created{"ObjectCreated:CompleteMultipartUpload", "CompleteMultipartUpload"}
)

// object is the object that an event is about.
type object struct {
	bucket, key     string
	versionID, eTag string // versionID is empty in an unversioned bucket
	size            int64
	sequence        uint64 // of the version
	requester       caller

	// Set by announce.
	requestID string
	at        time.Time
}

// announce delivers all events about a new object that the settings of its bucket ask for, in the transaction that
// makes the object. An error fails the transaction.
func (s *buckets) announce(tx *bbolt.Tx, c settings, kind created, o object) error {
	o.requestID = utils.NewS3RequestID()
	o.at = time.Now()
	for _, n := range c.Notifications {
		if !wanted(n, kind, o.key) {
			continue
		}
		body, err := json.Marshal(notification(kind, o))
		if err != nil {
			return fmt.Errorf("encode notification: %w", err)
		}
		if err := s.deliver(tx, n.QueueARN, string(body)); err != nil {
			return fmt.Errorf("announce s3://%s/%s to %s: %w", o.bucket, o.key, n.QueueARN, err)
		}
	}
	if !c.EventBridge {
		return nil
	}
	body, err := json.Marshal(detail(kind, o))
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if err := s.putEvent(tx, "aws.s3", "Object Created", body, []string{"arn:aws:s3:::" + o.bucket}); err != nil {
		return fmt.Errorf("announce s3://%s/%s to EventBridge: %w", o.bucket, o.key, err)
	}
	return nil
}

func wanted(n template.Notification, kind created, key string) bool {
	family, all := strings.CutSuffix(strings.TrimPrefix(n.Event, "s3:"), "*")
	return (family == kind.event || all && strings.HasPrefix(kind.event, family)) &&
		strings.HasPrefix(key, n.Prefix) && strings.HasSuffix(key, n.Suffix)
}

// sequencer returns a value by which the events of a key can be ordered.
func (o object) sequencer() string { return fmt.Sprintf("%018X", o.sequence) }

// fields is an object in JSON.
type fields map[string]any

// notification returns the message to a queue:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func notification(kind created, o object) fields {
	entity := fields{"key": encodeKey(o.key), "size": o.size, "eTag": o.eTag, "sequencer": o.sequencer()}
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
			"bucket": fields{
				"name":          o.bucket,
				"arn":           "arn:aws:s3:::" + o.bucket,
				"ownerIdentity": fields{"principalId": template.Account},
			},
			"object": entity,
		},
	}}}
}

// detail returns the detail of the event of EventBridge, which has the key without an encoding:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func detail(kind created, o object) fields {
	entity := fields{"key": o.key, "size": o.size, "etag": o.eTag, "sequencer": o.sequencer()}
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

// encodeKey encodes a key as in an HTML form, where a space becomes a plus sign, except for slashes.
func encodeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}
