package s3

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestEventGolden pins the wire formats.
func TestEventGolden(t *testing.T) {
	o := object{
		bucket:    "uploads",
		key:       `in/red flower+ü(1)*~&"'.txt`,
		versionID: "v1",
		eTag:      "d41d8cd98f00b204e9800998ecf8427e",
		size:      12,
		requester: caller{arn: role + "web", account: "000000000000"},
		sequence:  0x55AED6DCD90281E5,
		requestID: "C3D13FE58DE4C810",
		at:        time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
	}
	unversioned := o
	unversioned.versionID = ""
	tests := []struct {
		file string
		got  fields
	}{
		{"notification.golden.json", notification(createdPut, o)},
		{"notification-unversioned.golden.json", notification(createdMultipart, unversioned)},
		{"eventbridge.golden.json", detail(createdPost, o)},
		{"eventbridge-unversioned.golden.json", detail(createdCopy, unversioned)},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetIndent("", "  ")
			e.SetEscapeHTML(false)
			if err := e.Encode(tt.got); err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile("testdata/"+tt.file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := must2(os.ReadFile("testdata/" + tt.file))(t)
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		n    template.Notification
		kind created
		key  string
		want bool
	}{
		{"any creation", template.Notification{Event: "s3:ObjectCreated:*"}, createdCopy, "k", true},
		{"this creation", template.Notification{Event: "s3:ObjectCreated:Put"}, createdPut, "k", true},
		{"another creation", template.Notification{Event: "s3:ObjectCreated:Put"}, createdPost, "k", false},
		{"no creation", template.Notification{Event: "s3:ObjectRemoved:*"}, createdPut, "k", false},
		{"a name is no prefix", template.Notification{Event: "s3:ObjectCreated:Co"}, createdCopy, "k", false},
		{"prefix", template.Notification{Event: "s3:ObjectCreated:*", Prefix: "in/"}, createdPut, "in/k", true},
		{"other prefix", template.Notification{Event: "s3:ObjectCreated:*", Prefix: "in/"}, createdPut, "out/k", false},
		{"suffix", template.Notification{Event: "s3:ObjectCreated:*", Suffix: ".zip"}, createdPut, "k.zip", true},
		{
			"other suffix",
			template.Notification{Event: "s3:ObjectCreated:*", Suffix: ".zip"},
			createdPut,
			"k.zip2",
			false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := wanted(tt.n, tt.kind, tt.key); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// record is what the tests look at in a notification.
type record struct {
	EventName    string
	UserIdentity struct{ PrincipalID string }
	S3           struct {
		Object struct {
			Key, ETag, VersionID, Sequencer string
			Size                            int64
		}
	}
}

func recordOf(t *testing.T, body string) record {
	t.Helper()
	var n struct{ Records []record }
	if err := json.Unmarshal([]byte(body), &n); err != nil || len(n.Records) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	return n.Records[0]
}

// TestEvents uploads in all four ways; the answer comes after the delivery, so
// there is nothing to wait for.
func TestEvents(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), "versioned"
	tests := []struct {
		name string
		size int64
		make func(key string) (version, eTag string)
	}{
		{"Put", 3, func(k string) (string, string) {
			out := must2(
				c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &k, Body: strings.NewReader("one")}),
			)(
				t,
			)
			return *out.VersionId, *out.ETag
		}},
		{"CompleteMultipartUpload", 5<<20 + 1, func(k string) (string, string) {
			out := multipart(t, c, b, k, nil, make([]byte, 5<<20), []byte("x"))
			return *out.VersionId, *out.ETag
		}},
		{"Copy", 6, func(k string) (string, string) {
			putBody(t, c, b, "event-source", "source")
			out := must2(
				c.CopyObject(
					t.Context(),
					&s3.CopyObjectInput{Bucket: &b, Key: &k, CopySource: aws.String(b + "/event-source")},
				),
			)(
				t,
			)
			return *out.VersionId, *out.CopyObjectResult.ETag
		}},
		{"Post", 4, func(k string) (string, string) {
			res := postForm(t, "alice", b, map[string]string{"key": k}, "form")
			return res.Header.Get("X-Amz-Version-Id"), res.Header.Get("Etag")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := "event/a b+ü/" + tt.name + ".txt"
			encoded := "event/a+b%2B%C3%BC/" + tt.name + ".txt"
			before := len(delivered.of(encoded))
			version, eTag := tt.make(key)
			got := delivered.of(encoded)
			if len(got) != before+1 {
				t.Fatalf("%d notifications, want %d", len(got), before+1)
			}
			r := recordOf(t, got[before])
			want := record{EventName: "ObjectCreated:" + tt.name}
			want.UserIdentity.PrincipalID = "AWS:arn:aws:iam::000000000000:user/alice"
			want.S3.Object.Key, want.S3.Object.Size = encoded, tt.size
			want.S3.Object.ETag, want.S3.Object.VersionID = strings.Trim(eTag, `"`), version
			want.S3.Object.Sequencer = r.S3.Object.Sequencer
			if diff := cmp.Diff(want, r); diff != "" || len(r.S3.Object.Sequencer) != 18 {
				t.Errorf("notification (-want +got):\n%s sequencer %q", diff, r.S3.Object.Sequencer)
			}
			events := put.of(key)
			if len(events) == 0 ||
				!strings.HasPrefix(events[len(events)-1], "aws.s3|Object Created|[arn:aws:s3:::versioned]|") ||
				!strings.Contains(events[len(events)-1], `"version-id":"`+version+`"`) {
				t.Errorf("bus events: %v", events)
			}
		})
	}
	t.Run("sequence rises", func(t *testing.T) {
		putBody(t, c, b, "event/order", "1")
		putBody(t, c, b, "event/order", "2")
		got := delivered.of("event/order")
		first := recordOf(t, got[len(got)-2]).S3.Object.Sequencer
		second := recordOf(t, got[len(got)-1]).S3.Object.Sequencer
		if first >= second {
			t.Errorf("sequencers %s, %s", first, second)
		}
	})
	t.Run("filters", func(t *testing.T) {
		putBody(t, c, b, "quiet/k", "x")
		putBody(t, c, "plain", "event/k", "x")
		putBody(t, c, "plain", "event/k.txt", "x")
		if got := len(delivered.of("quiet/k")) + len(delivered.of("event/k")); got != 0 {
			t.Errorf("%d notifications for filtered keys", got)
		}
		got := delivered.of("event/k.txt")
		if len(got) == 0 || recordOf(t, got[len(got)-1]).S3.Object.VersionID != "" ||
			strings.Contains(got[0], "versionId") {
			t.Errorf("unversioned: %v", got)
		}
	})
	t.Run("a lost event fails the upload", func(t *testing.T) {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("poison/k")})
		wantError(t, err, 500, "InternalError")
	})
}
