package wait_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
)

// fakeS3 answers with the tags of an object, which may change from one poll to the next. A missing function answers
// that nothing is there.
type fakeS3 struct {
	tags func(poll int, address string) (string, error) // "key=value key=value"
	head func(address string) (map[string]string, error)
	ids  []string // versions of the key in the clean bucket
	// newest is the version that HeadObject finds without an id, where that is another one than GetObjectTagging finds.
	newest string

	polls    int // of the original
	requests []string
}

func address(bucket, key, version *string) string {
	a := *bucket + "/" + *key
	if version != nil {
		a += "?" + *version
	}
	return a
}

func (f *fakeS3) GetObjectTagging(
	_ context.Context, in *s3.GetObjectTaggingInput, _ ...func(*s3.Options),
) (*s3.GetObjectTaggingOutput, error) {
	at := address(in.Bucket, in.Key, in.VersionId)
	if *in.Bucket == "uploads" {
		f.polls++
	}
	f.requests = append(f.requests, "tags "+at)
	text, err := f.tags(f.polls, at)
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectTaggingOutput{VersionId: in.VersionId}
	if in.VersionId == nil {
		out.VersionId = aws.String("current")
	}
	for pair := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(pair, "=")
		out.TagSet = append(out.TagSet, types.Tag{Key: &key, Value: &value})
	}
	return out, nil
}

func (f *fakeS3) HeadObject(
	_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options),
) (*s3.HeadObjectOutput, error) {
	at := address(in.Bucket, in.Key, in.VersionId)
	f.requests = append(f.requests, "head "+at)
	if f.head == nil {
		return nil, fails(404, "NotFound")
	}
	metadata, err := f.head(at)
	id := aws.ToString(in.VersionId)
	if id == "" {
		id = cmp.Or(f.newest, "current")
	}
	return &s3.HeadObjectOutput{Metadata: metadata, VersionId: &id}, err
}

func (f *fakeS3) ListObjectVersions(
	_ context.Context, in *s3.ListObjectVersionsInput, _ ...func(*s3.Options),
) (*s3.ListObjectVersionsOutput, error) {
	out := &s3.ListObjectVersionsOutput{}
	for _, id := range f.ids {
		out.Versions = append(out.Versions, types.ObjectVersion{Key: in.Prefix, VersionId: &id})
	}
	return out, nil
}

// fails is an answer of S3 with an error.
func fails(status int, code string) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code},
	}
}

var (
	object     = job.Object{Bucket: "uploads", Key: "k", VersionID: "v1"}
	quarantine = "quarantine/" + object.QuarantineKey()
)

// onUploads answers polls of the original, and that nothing is elsewhere.
func onUploads(tags func(poll int) (string, error)) func(int, string) (string, error) {
	return func(poll int, at string) (string, error) {
		if !strings.HasPrefix(at, "uploads/") {
			return "", fails(404, "NoSuchKey")
		}
		return tags(poll)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	gone := func(int, string) (string, error) { return "", fails(404, "NoSuchVersion") }
	// in answers that the original is gone, and that the place has these tags.
	in := func(place, tags string, err error) func(int, string) (string, error) {
		return func(_ int, at string) (string, error) {
			if at == place {
				return tags, err
			}
			return gone(0, at)
		}
	}
	for name, tt := range map[string]struct {
		fakeS3
		object *job.Object // the one with the version, if nil
		want   string      // verdict, detail, copy
		err    error
		says   string
		polls  int
		took   time.Duration
	}{
		"at once": {
			fakeS3: fakeS3{tags: onUploads(func(int) (string, error) { return "own=1 scan-status=CLEAN", nil })},
			want:   "CLEAN", polls: 1,
		},
		"after some polls": {
			fakeS3: fakeS3{tags: onUploads(func(poll int) (string, error) {
				if poll < 7 {
					return "own=1", nil
				}
				return "scan-status=UNSCANNABLE scan-detail=encrypted", nil
			})},
			want: "UNSCANNABLE encrypted", polls: 7, took: 18_125 * time.Millisecond, // 1 + 1.5 + 2.25 + 3.375 + 5 + 5 s
		},
		"the stack is away for a while": {
			fakeS3: fakeS3{tags: onUploads(func(poll int) (string, error) {
				switch {
				case poll < 3:
					return "", &smithyhttp.RequestSendError{Err: errors.New("connection refused")}
				case poll == 3:
					return "", fails(503, "SlowDown")
				}
				return "scan-status=INFECTED scan-detail=Eicar", nil
			})},
			want: "INFECTED Eicar", polls: 4, took: 4750 * time.Millisecond,
		},
		"the current version is pinned": {
			fakeS3: fakeS3{tags: onUploads(func(poll int) (string, error) {
				if poll == 1 {
					return "", nil
				}
				return "scan-status=CLEAN", nil
			})},
			object: &job.Object{Bucket: "uploads", Key: "k"}, want: "CLEAN", polls: 2, took: time.Second,
		},
		"a verdict that is none": {
			fakeS3: fakeS3{tags: onUploads(func(int) (string, error) { return "scan-status=SPOTLESS", nil })},
			err:    wait.ErrTimeout, says: "after 723 polls", polls: 723, took: time.Hour,
		},
		"moved to quarantine": {
			fakeS3: fakeS3{tags: in(quarantine, "scan-status=INFECTED scan-detail=Eicar", nil)},
			want:   "INFECTED Eicar s3://" + quarantine + "?versionId=current", polls: 1,
		},
		"promoted": {
			fakeS3: fakeS3{
				tags: in("clean/k", "scan-status=CLEAN", nil),
				head: func(string) (map[string]string, error) {
					return map[string]string{move.KeyID: object.QuarantineKey()}, nil
				},
			},
			want: "CLEAN s3://clean/k?versionId=current", polls: 1,
		},
		"promoted, and a newer version after it": {
			fakeS3: fakeS3{
				tags: func(_ int, at string) (string, error) {
					if strings.HasPrefix(at, "clean/") {
						return "scan-status=CLEAN", nil
					}
					return "", fails(404, "NoSuchKey")
				},
				head: func(at string) (map[string]string, error) {
					id := map[string]string{"clean/k?c1": object.QuarantineKey()}[at]
					return map[string]string{move.KeyID: id + strings.Repeat("x", min(1, 40-len(id)))}, nil
				},
				ids: []string{"c2", "c1"},
			},
			want: "CLEAN s3://clean/k?versionId=c1", polls: 1,
		},
		"promoted, and a newer version while it is looked at": {
			fakeS3: fakeS3{
				tags: func(_ int, at string) (string, error) {
					if strings.HasPrefix(at, "clean/") {
						return "scan-status=CLEAN", nil
					}
					return "", fails(404, "NoSuchKey")
				},
				head: func(at string) (map[string]string, error) {
					return map[string]string{move.KeyID: object.QuarantineKey()}, nil
				},
				ids: []string{"c1"}, newest: "c2",
			},
			want: "CLEAN s3://clean/k?versionId=c1", polls: 1,
		},
		"promoted without its tags": {
			fakeS3: fakeS3{
				tags: in("clean/k", "own=1", nil),
				head: func(string) (map[string]string, error) {
					return map[string]string{move.KeyID: object.QuarantineKey()}, nil
				},
			},
			want: "CLEAN s3://clean/k?versionId=current", polls: 1,
		},
		"deleted, and nobody may read what is not in the clean bucket": {
			fakeS3: fakeS3{
				tags: gone, head: func(string) (map[string]string, error) { return nil, fails(403, "AccessDenied") },
			},
			err: wait.ErrGone, says: "was deleted before it was moved", polls: 1,
		},
		"in quarantine without tags": {
			fakeS3: fakeS3{tags: in(quarantine, "own=1", nil)}, err: wait.ErrGone,
			says: "is in quarantine, without the tags of a verdict", polls: 1,
		},
		"deleted": {fakeS3: fakeS3{tags: gone}, err: wait.ErrGone, says: "was deleted before it was moved", polls: 1},
		"a delete marker": {
			fakeS3: fakeS3{tags: func(int, string) (string, error) { return "", fails(405, "MethodNotAllowed") }},
			object: &job.Object{Bucket: "uploads", Key: "k"}, err: wait.ErrGone, says: "?versionId=", polls: 1,
		},
		"gone, and quarantine is shut": {
			fakeS3: fakeS3{tags: in(quarantine, "", fails(403, "AccessDenied"))},
			err:    wait.ErrGone, says: "you need s3:GetObjectTagging and s3:ListBucket on quarantine", polls: 1,
		},
		"gone, and quarantine does not answer at first": {
			fakeS3: fakeS3{tags: func(poll int, at string) (string, error) {
				switch {
				case at != quarantine:
					return "", fails(404, "NoSuchKey")
				case poll < 3:
					return "", fails(500, "InternalError")
				}
				return "scan-status=INFECTED", nil
			}},
			want: "INFECTED s3://" + quarantine + "?versionId=current", polls: 3, took: 2500 * time.Millisecond,
		},
		"refused": {
			fakeS3: fakeS3{tags: func(int, string) (string, error) { return "", fails(403, "AccessDenied") }},
			err:    wait.ErrRefused, says: "s3:GetObjectVersionTagging", polls: 1,
		},
		"no such bucket": {
			fakeS3: fakeS3{tags: func(int, string) (string, error) { return "", fails(404, "NoSuchBucket") }},
			says:   "NoSuchBucket", polls: 1,
		},
		"never an answer": {
			fakeS3: fakeS3{tags: func(int, string) (string, error) {
				return "", &smithyhttp.RequestSendError{Err: errors.New("connection refused")}
			}},
			err: wait.ErrTimeout, says: "the last failed: ", polls: 723, took: time.Hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				o := object
				if tt.object != nil {
					o = *tt.object
				}
				began := time.Now()
				r, err := wait.Verdict(ctx, &tt.fakeS3, wait.Buckets{Quarantine: "quarantine", Clean: "clean"}, o)
				got := strings.TrimSpace(fmt.Sprintf("%s %s", r.Verdict, r.Detail))
				if r.Copy != nil {
					got += " " + r.Copy.String()
				}
				got, tt.want = strings.ReplaceAll(got, "'", ""), strings.ReplaceAll(tt.want, "'", "")
				if got != tt.want || r.Polls != tt.polls || time.Since(began).Round(time.Millisecond) != tt.took {
					t.Errorf("Verdict() = %q after %d polls and %v, want %q after %d and %v; requests %q",
						got, r.Polls, time.Since(began), tt.want, tt.polls, tt.took, tt.requests[:min(20, len(tt.requests))])
				}
				wantErr := tt.err != nil || tt.says != ""
				if (err != nil) != wantErr || tt.err != nil && !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if err != nil && !strings.Contains(err.Error(), tt.says) {
					t.Errorf("error %q, want %q in it", err, tt.says)
				}
			})
		})
	}
}

// TestPinned asks for the version of the first answer, whatever is uploaded later.
func TestPinned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeS3{tags: onUploads(func(poll int) (string, error) {
			if poll < 3 {
				return "", nil
			}
			return "scan-status=CLEAN", nil
		})}
		_, err := wait.Verdict(t.Context(), f, wait.Buckets{}, job.Object{Bucket: "uploads", Key: "k"})
		want := []string{"tags uploads/k", "tags uploads/k?current", "tags uploads/k?current"}
		if err != nil || strings.Join(f.requests, " ") != strings.Join(want, " ") {
			t.Errorf("requests %q, %v, want %q", f.requests, err, want)
		}
	})
}
