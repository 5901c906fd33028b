package upload

import (
	"fmt"
	"slices"
	"strings"
)

// eventKind says what Lazaret does with an S3 event.
type eventKind int

const (
	unknown eventKind = iota // becomes a dead letter
	created                  // is scanned
	ignored                  // needs no scan: the event brings no new bytes
)

// notCreated lists events of MinIO that are named like a creation and change only tags or locks. A
// scan for each of them would write verdict tags, which cause the next such event:
// https://min.io/docs/minio/linux/administration/monitoring/bucket-notifications.html
var notCreated = []string{
	"ObjectCreated:PutTagging", "ObjectCreated:DeleteTagging", "ObjectCreated:PutRetention", "ObjectCreated:PutLegalHold",
}

// ignoredNames lists the other events of S3, MinIO and Ceph. A name with a colon at its end stands for
// all names that begin with it:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
// https://docs.ceph.com/en/squid/radosgw/s3-notification-compatibility
var ignoredNames = []string{
	"TestEvent", "ObjectRemoved:", "ObjectRestore:", "ReducedRedundancyLostObject", "Replication:",
	"LifecycleExpiration:", "LifecycleTransition", "LifecycleTransition:", "IntelligentTiering",
	"ObjectTagging:", "ObjectAcl:", "ObjectAnnotation:", "ObjectAccessed:", "ObjectTransition:",
	"ObjectLifecycle:", "ObjectSynced:Delete", "ObjectSynced:DeletionMarkerCreated",
	"Scanner:", "BucketCreated:", "BucketRemoved:",
}

// kindOf reads the name of an event, with or without "s3:" at its beginning: AWS leaves that out of
// its notifications, MinIO, Ceph and SeaweedFS do not. ObjectSynced:Create is Ceph's event for an
// object that was replicated from another zone, and is new in this one.
func kindOf(event string) eventKind {
	name := strings.TrimPrefix(event, "s3:")
	is := func(known string) bool {
		return name == known && !strings.HasSuffix(known, ":") ||
			name != known && strings.HasSuffix(known, ":") && strings.HasPrefix(name, known)
	}
	switch {
	case slices.Contains(notCreated, name), slices.ContainsFunc(ignoredNames, is):
		return ignored
	case is("ObjectCreated:"), name == "ObjectSynced:Create":
		return created
	}
	return unknown
}

// ignoredDetailTypes lists the detail types of S3's events on EventBridge other than "Object Created":
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
var ignoredDetailTypes = []string{
	"Object Deleted", "Object Restore Initiated", "Object Restore Completed", "Object Restore Expired",
	"Object Tags Added", "Object Tags Deleted", "Object ACL Updated", "Object Storage Class Changed",
	"Object Access Tier Changed",
}

// unknownEvent returns the error for an event that is neither scanned nor ignored.
func unknownEvent(name string) error {
	return fmt.Errorf("%w: event %q is neither one that is scanned nor one that is ignored", ErrUnknown, name)
}
