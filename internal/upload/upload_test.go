package upload_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inSNS wraps a body as SNS does without raw message delivery.
func inSNS(t testing.TB, body []byte) []byte {
	t.Helper()
	out, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "m", "Message": string(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDecode(t *testing.T) {
	t.Parallel()
	put := job.Job{Version: 1, Object: job.Object{
		Bucket: "lazaret-uploads", Key: "año 1/a+b&c.txt", VersionID: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
		ETag: "d41d8cd98f00b204e9800998ecf8427e", Size: 1024, Sequencer: "0055AED6DCD90281E5",
	}}
	unversioned := put
	unversioned.Object.VersionID = ""
	bridged := put
	bridged.Object.Key = "año 1/a+b%26c.txt" // not URL-encoded: the percent sign is part of the key

	replayed := put
	replayed.Attempt = 1
	replayed.Scan = &job.Scan{
		Verdict: job.Infected, Signature: "Eicar-Test-Signature", Size: 1024,
		Engine: job.Engine{Name: "clamd", Version: "1.4.6"}, Time: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
	}
	replayed.Copy = &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b"}
	restarted := put
	restarted.Attempt = 3

	tests := []struct {
		name string
		body []byte
		want upload.Message
	}{
		{name: "S3 notification", body: fixture(t, "s3.json"), want: upload.Message{Jobs: []job.Job{put}}},
		{name: "S3 notification in SNS", body: inSNS(t, fixture(t, "s3.json")), want: upload.Message{Jobs: []job.Job{put}}},
		{name: "several records, one of them a deletion", body: fixture(t, "s3-several.json"), want: upload.Message{
			Jobs: []job.Job{put, unversioned}, Ignored: []string{"ObjectRemoved:Delete"},
		}},
		{name: "test event", body: fixture(t, "s3-test-event.json"), want: upload.Message{Ignored: []string{"s3:TestEvent"}}},
		{
			name: "test event in SNS",
			body: inSNS(t, fixture(t, "s3-test-event.json")),
			want: upload.Message{Ignored: []string{"s3:TestEvent"}},
		},
		{
			name: "folder",
			body: fixture(t, "s3-folder.json"),
			want: upload.Message{Jobs: []job.Job{{Version: 1, Object: job.Object{
				Bucket: "lazaret-uploads", Key: "photos/2026/", VersionID: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
				ETag: "d41d8cd98f00b204e9800998ecf8427e", Sequencer: "0055AED6DCD90281E5",
			}}}},
		},
		{
			name: "a key like a folder's, with content",
			body: []byte(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},` +
				`"object":{"key":"a/","size":1,"eTag":"e"}}}]}`),
			want: upload.Message{Jobs: []job.Job{{Version: 1, Object: job.Object{Bucket: "b", Key: "a/", Size: 1, ETag: "e"}}}},
		},
		{
			name: "a key like a folder's, of which the notification says no size",
			body: []byte(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},` +
				`"object":{"key":"a/","eTag":"e"}}}]}`),
			want: upload.Message{Jobs: []job.Job{{Version: 1, Object: job.Object{Bucket: "b", Key: "a/", ETag: "e"}}}},
		},
		{
			name: "a key like a folder's, of which the EventBridge event says no size",
			body: []byte(`{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},` +
				`"object":{"key":"a/","sequencer":"05"}}}`),
			want: upload.Message{Jobs: []job.Job{{Version: 1, Object: job.Object{Bucket: "b", Key: "a/", Sequencer: "05"}}}},
		},
		{
			name: "a folder through EventBridge",
			body: []byte(`{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},` +
				`"object":{"key":"a/","size":0,"sequencer":"05"}}}`),
			want: upload.Message{Jobs: []job.Job{{Version: 1, Object: job.Object{Bucket: "b", Key: "a/", Sequencer: "05"}}}},
		},
		{
			name: "a list of a folder and of keys like folders'",
			body: []byte(`{"run":"r","objects":[{"bucket":"b","key":"a/","eTag":"e"},` +
				`{"bucket":"b","key":"b/","eTag":"e","size":0},{"bucket":"b","key":"c/","eTag":"e","size":null},` +
				`{"bucket":"b","key":"d/","eTag":"e","size":4}]}`),
			want: upload.Message{
				Jobs: []job.Job{
					{Version: 1, Run: "r", Object: job.Object{Bucket: "b", Key: "a/", ETag: "e"}},
					{Version: 1, Run: "r", Object: job.Object{Bucket: "b", Key: "b/", ETag: "e"}},
					{Version: 1, Run: "r", Object: job.Object{Bucket: "b", Key: "c/", ETag: "e"}},
					{Version: 1, Run: "r", Object: job.Object{Bucket: "b", Key: "d/", ETag: "e", Size: 4}},
				},
			},
		},
		{
			name: "a dead letter of a key like a folder's",
			body: []byte(`{"job":{"version":1,"object":{"bucket":"b","key":"a/","eTag":"e","size":0}}}`),
			want: upload.Message{
				Jobs: []job.Job{{Version: 1, Attempt: 1, Object: job.Object{Bucket: "b", Key: "a/", ETag: "e"}}},
			},
		},
		{name: "EventBridge", body: fixture(t, "eventbridge.json"), want: upload.Message{Jobs: []job.Job{bridged}}},
		{
			name: "dead letter of the state machine",
			body: fixture(t, "dead-letter.json"),
			want: upload.Message{Jobs: []job.Job{replayed}},
		},
		{name: "execution that was aborted", body: fixture(t, "died.json"), want: upload.Message{
			Jobs: []job.Job{restarted}, EndedExecution: "arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:c-1",
		}},
		{name: "list", body: fixture(t, "list.json"), want: upload.Message{Jobs: []job.Job{
			{
				Version: 1,
				Run:     "rescan-7",
				Object: job.Object{
					Bucket:       "b",
					Key:          "k",
					ETag:         "e",
					Size:         3,
					LastModified: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
				},
			},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := upload.Decode(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestEventNames has the names of events of S3 and of other stores.
func TestEventNames(t *testing.T) {
	t.Parallel()
	names := map[string]string{ // names by what Lazaret does with them
		"scanned": `ObjectCreated:Put ObjectCreated:Post ObjectCreated:Copy ObjectCreated:CompleteMultipartUpload
			ObjectCreated:Anything s3:ObjectCreated:Put s3:ObjectCreated:CompleteMultipartUpload
			s3:ObjectCreated:PutObject s3:ObjectSynced:Create`,
		"ignored": `ObjectRemoved:Delete ObjectRemoved:DeleteMarkerCreated s3:ObjectRemoved:Delete
			ObjectRestore:Post ObjectRestore:Completed ReducedRedundancyLostObject
			Replication:OperationFailedReplication LifecycleExpiration:Delete LifecycleTransition IntelligentTiering
			ObjectTagging:Put ObjectTagging:Delete ObjectAcl:Put s3:ObjectAccessed:Get
			s3:ObjectCreated:PutTagging s3:ObjectCreated:DeleteTagging s3:ObjectCreated:PutRetention
			s3:ObjectCreated:PutLegalHold s3:BucketCreated:* s3:ObjectLifecycle:Expiration:Current
			s3:ObjectSynced:Delete`,
		"refused": `ObjectCreate:Put ObjectCreated ObjectCreated: s3:ObjectCreated s3:s3:ObjectCreated:Put
			objectcreated:put S3:ObjectCreated:Put ObjectTagged:Put PutObject OBJECT_FINALIZE ObjectRemoved s3: :`,
	}
	for want, list := range names {
		for name := range strings.FieldsSeq(list) {
			body := fmt.Sprintf(
				`{"Records":[{"eventName":%q,"s3":{"bucket":{"name":"b"},"object":{"key":"k","eTag":"e"}}}]}`,
				name,
			)
			m, err := upload.Decode([]byte(body))
			got := "scanned"
			switch {
			case errors.Is(err, upload.ErrUnknown) && strings.Contains(err.Error(), strconv.Quote(name)):
				got = "refused"
			case err != nil:
				got = err.Error()
			case len(m.Jobs) == 0 && len(m.Ignored) == 1 && m.Ignored[0] == name:
				got = "ignored"
			}
			if got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
}

// TestDetailTypes has S3's events as EventBridge sends them.
func TestDetailTypes(t *testing.T) {
	t.Parallel()
	const detail = `{"bucket":{"name":"b"},"object":{"key":"k","etag":"e","size":3},"reason":%q}`
	for _, reason := range []string{"PutObject", "POST Object", "CopyObject", "CompleteMultipartUpload", "anything"} {
		m, err := upload.Decode(
			fmt.Appendf(nil, `{"detail-type":"Object Created","source":"aws.s3","detail":`+detail+`}`, reason),
		)
		if err != nil || len(m.Jobs) != 1 {
			t.Errorf("Object Created by %s: %+v, %v, want one job", reason, m, err)
		}
	}
	for _, kind := range []string{
		"Object Deleted", "Object Restore Completed", "Object Tags Added", "Object Storage Class Changed",
	} {
		m, err := upload.Decode(fmt.Appendf(nil, `{"detail-type":%q,"detail":`+detail+`}`, kind, ""))
		if err != nil || len(m.Jobs) != 0 || len(m.Ignored) != 1 {
			t.Errorf("%s: %+v, %v, want it ignored", kind, m, err)
		}
	}
	for _, kind := range []string{"Object Creation", "object created", "Object Replicated"} {
		if m, err := upload.Decode(fmt.Appendf(nil, `{"detail-type":%q,"detail":`+detail+`}`, kind, "")); !errors.Is(
			err,
			upload.ErrUnknown,
		) {
			t.Errorf("%s: %+v, %v, want ErrUnknown", kind, m, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body string }{
		{"no JSON", `hello`},
		{"nothing", ``},
		{"null", `null`},
		{"a list at the top", `[]`},
		{"an empty object", `{}`},
		{"no records", `{"Records":[]}`},
		{"a record without event name", `{"Records":[{"s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}`},
		{"a record without key", `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{}}}]}`},
		{
			"a record without any version",
			`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}`,
		},
		{"a record without bucket", `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"k"}}}]}`},
		{
			"a key that is not URL-encoded",
			`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"100%","eTag":"e"}}}]}`,
		},
		{
			"one good record and one bad",
			`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},` +
				`"object":{"key":"k","eTag":"e"}}},{"eventName":"ObjectCreated:Put"}]}`,
		},
		{"half an EventBridge event", `{"detail-type":"Object Created","detail":{"bucket":{"name":"b"}}}`},
		{"an EventBridge event without detail", `{"detail-type":"Object Created"}`},
		{
			"an execution without input",
			`{"detail-type":"Step Functions Execution Status Change","detail":{"executionArn":"a"}}`,
		},
		{"a dead letter of a later version", `{"job":{"version":9,"object":{"bucket":"b","key":"k","eTag":"e"}}}`},
		{"a negative size", `{"objects":[{"bucket":"b","key":"k/","eTag":"e","size":-1}]}`},
		{"SNS in SNS", `{"Type":"Notification","Message":"{\"Type\":\"Notification\",\"Message\":\"{}\"}"}`},
		{"a list of nothing", `{"run":"r","objects":[]}`},
		{
			"a key that is no UTF-8",
			`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%ff","eTag":"e"}}}]}`,
		},
		{
			"Cloudflare R2's notification",
			`{"account":"a","action":"PutObject","bucket":"b",` +
				`"object":{"key":"k","size":3,"eTag":"e"},"eventTime":"2026-11-22T10:00:00Z"}`,
		},
		{
			"Google Cloud Storage's notification",
			`{"kind":"storage#object","id":"b/k/1","name":"k","bucket":"b","generation":"1","size":"3","etag":"e"}`,
		},
		{
			"a known event and an unknown one",
			`{"Records":[{"eventName":"ObjectRemoved:Delete"},{"eventName":"ObjectCreate:Put"}]}`,
		},
		{"SNS around nothing", `{"Type":"Notification","Message":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := upload.Decode([]byte(tt.body))
			if !errors.Is(err, upload.ErrUnknown) {
				t.Errorf("Decode() = %+v, %v, want ErrUnknown", m, err)
			}
		})
	}
}
