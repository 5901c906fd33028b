package upload

import (
	"fmt"
	"slices"
	"strings"
)

// meaning says what an event is to Lazaret.
type meaning int

const (
	unknown meaning = iota // a dead letter
	created                // to be scanned
	other                  // ignored: no bytes are new
)

// notCreated are events that MinIO names like creations, and that change tags or
// locks alone: to scan for them would be to scan again for each verdict tag
// (https://min.io/docs/minio/linux/administration/monitoring/bucket-notifications.html).
var notCreated = []string{
	"ObjectCreated:PutTagging", "ObjectCreated:DeleteTagging", "ObjectCreated:PutRetention", "ObjectCreated:PutLegalHold",
}

// ignored are the names, or with a colon at the end their beginnings, of the
// other events of S3, MinIO and Ceph:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
// https://docs.ceph.com/en/squid/radosgw/s3-notification-compatibility
var ignored = []string{
	"TestEvent", "ObjectRemoved:", "ObjectRestore:", "ReducedRedundancyLostObject", "Replication:",
	"LifecycleExpiration:", "LifecycleTransition", "LifecycleTransition:", "IntelligentTiering", "ObjectTagging:",
	"ObjectAcl:", "ObjectAnnotation:", "ObjectAccessed:", "ObjectTransition:", "Scanner:", "BucketCreated:", "BucketRemoved:", "ObjectLifecycle:", "ObjectSynced:Delete",
	"ObjectSynced:DeletionMarkerCreated",
}

// meaningOf reads an event's name, with or without "s3:" before it: AWS leaves
// that out of its notifications, MinIO, Ceph and SeaweedFS do not. An object
// that Ceph synchronised from another zone is new here.
func meaningOf(event string) meaning {
	name := strings.TrimPrefix(event, "s3:")
	is := func(known string) bool {
		return name == known && !strings.HasSuffix(known, ":") ||
			name != known && strings.HasSuffix(known, ":") && strings.HasPrefix(name, known)
	}
	switch {
	case slices.Contains(notCreated, name), slices.ContainsFunc(ignored, is):
		return other
	case is("ObjectCreated:"), name == "ObjectSynced:Create":
		return created
	}
	return unknown
}

// bridged are the detail types of S3's events on EventBridge, beside "Object
// Created": https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
var bridged = []string{
	"Object Deleted", "Object Restore Initiated", "Object Restore Completed", "Object Restore Expired",
	"Object Tags Added", "Object Tags Deleted", "Object ACL Updated", "Object Storage Class Changed", "Object Access Tier Changed",
}

// unknownEvent is the error for an event that is neither scanned nor ignored.
func unknownEvent(name string) error {
	return fmt.Errorf("%w: event %q is neither one that is scanned nor one that is ignored", ErrUnknown, name)
}
