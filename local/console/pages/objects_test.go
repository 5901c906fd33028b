package pages

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/explain"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/local/console/task"
)

// fakeS3 has one answer for lists, and tags by version.
type fakeS3 struct {
	list func(*s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error)
	keys func(*s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error)
	tags func(*s3.GetObjectTaggingInput) ([]types.Tag, error)
}

func (f fakeS3) ListObjectVersions(
	_ context.Context, in *s3.ListObjectVersionsInput, _ ...func(*s3.Options),
) (*s3.ListObjectVersionsOutput, error) {
	return f.list(in)
}

func (f fakeS3) ListObjectsV2(
	_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options),
) (*s3.ListObjectsV2Output, error) {
	return f.keys(in)
}

func (f fakeS3) GetObjectTagging(
	_ context.Context, in *s3.GetObjectTaggingInput, _ ...func(*s3.Options),
) (*s3.GetObjectTaggingOutput, error) {
	tags, err := f.tags(in)
	return &s3.GetObjectTaggingOutput{TagSet: tags}, err
}

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func newObjects(t *testing.T) Objects {
	t.Helper()
	return Objects{
		View: site(), Tasks: task.NewRegistry(t.Context()),
		Buckets: func(context.Context) ([]Bucket, error) {
			return []Bucket{{"uploads", "Uploads"}, {"locked", "Quarantine"}}, nil
		},
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	page := newObjects(t)
	encode := func(key string) *string { return aws.String(url.QueryEscape(key)) }
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	var asked *s3.ListObjectVersionsInput
	page.S3 = fakeS3{
		list: func(in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
			asked = in
			return &s3.ListObjectVersionsOutput{
				EncodingType:   types.EncodingTypeUrl,
				CommonPrefixes: []types.CommonPrefix{{Prefix: encode("in/<script>alert(1)</script>/")}},
				Versions: []types.ObjectVersion{
					{Key: encode(hostileKey), VersionId: aws.String("v1"), IsLatest: aws.Bool(true), LastModified: &at, Size: aws.Int64(5)},
					{Key: encode("in/new"), VersionId: aws.String("v2"), LastModified: &at},
					{Key: encode("in/hidden"), VersionId: aws.String("v3"), LastModified: &at},
				},
				DeleteMarkers: []types.DeleteMarkerEntry{{Key: encode("in/gone"), VersionId: aws.String("m"), LastModified: &at}},
				IsTruncated:   aws.Bool(true), NextKeyMarker: encode("in/z z"), NextVersionIdMarker: aws.String("v9"),
			}, nil
		},
		tags: func(in *s3.GetObjectTaggingInput) ([]types.Tag, error) {
			switch *in.VersionId {
			case "v1":
				return []types.Tag{
					tag("scan-status", "INFECTED"), tag("scan-detail", "Sig<b>"), tag("scan-time", "2026-11-30T09:00:01Z"),
					tag("scan-definitions", "27999"), tag("own", "<script>alert(2)</script>"),
				}, nil
			case "v2":
				return nil, nil
			}
			return nil, errors.New("AccessDenied")
		},
	}
	_, body := get(t, page, "/objects?prefix=in%2F&after=in%2Fa&version=v0")
	wants(t, body, "Infected", "Sig&lt;b&gt;", "2026-11-30 09:00:01", "daily <bdi>27999", "no verdict", "tags not known",
		"delete marker", `\u202e`, "after=in%2Fz+z", "version=v9",
		`href="/objects?bucket=uploads&amp;prefix=in%2F%3Cscript%3Ealert%281%29%3C%2Fscript%3E%2F"`)
	if *asked.Bucket != "uploads" || *asked.KeyMarker != "in/a" || *asked.VersionIdMarker != "v0" ||
		*asked.MaxKeys != objectsPageSize {
		t.Errorf("asked for %+v", asked)
	}
}

func TestObjectsTrouble(t *testing.T) {
	t.Parallel()
	page := newObjects(t)
	page.S3 = fakeS3{list: func(*s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
		return nil, errors.New("AccessDenied: " + hostileKey)
	}}
	page.Buckets = func(context.Context) ([]Bucket, error) {
		return []Bucket{{Name: "b"}}, errors.New("cloudformation:DescribeStacks: no")
	}
	_, body := get(t, page, "/objects?bucket=other")
	wants(t, body, "Which other buckets the stack watches is not known: cloudformation:DescribeStacks: no")
	wants(t, body, "AccessDenied", ">other</option>")
	page.S3 = fakeS3{list: func(*s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
		return &s3.ListObjectVersionsOutput{}, nil
	}}
	_, body = get(t, page, "/objects")
	wants(t, body, "Nothing is stored here")
}

func TestObject(t *testing.T) {
	t.Parallel()
	page := newObjects(t)
	page.Explain = func(_ context.Context, o job.Object) (*explain.Page, error) {
		if o.Key != hostileKey || o.VersionID != "v" {
			return nil, errors.New("asked for another object")
		}
		return &explain.Page{
			Case: explain.Quarantined, Says: "It was moved to quarantine: " + hostileKey, Copy: "s3://locked/9f86?versionId=c",
			Verdict: &explain.Verdict{Status: job.Infected, Detail: hostileKey, Time: hostileKey, Definitions: hostileKey},
			Reading: &explain.Reading{
				Refused: true, CallerMay: true, Says: "A GET is refused (403).", Exempt: []string{hostileKey},
			},
			Executions:  []explain.Execution{{ARN: "arn:aws:states:r:1:execution:m:n", Status: history.Failed, Error: hostileKey}},
			DeadLetters: []explain.Letter{{MessageID: "7", Error: hostileKey, Cause: hostileKey}},
			Do:          []string{"lazaret release " + hostileKey}, NotKnown: []string{hostileKey},
		}, nil
	}
	path := "?bucket=b&versionId=v&key=" + url.QueryEscape(hostileKey)
	_, body := get(t, page, "/object"+path)
	wants(t, body, "Looking at the object", `data-live="/object/live?bucket=b&amp;key=in%2F`)
	for _, path := range []string{"/object" + path + "&wait=yes", "/object/live" + path} {
		_, body = get(t, page, path)
		wants(t, body, "quarantined", "A GET is refused (403).", "you may read it", "/object?bucket=locked&amp;key=9f86&amp;versionId=c",
			"/executions/arn:aws:states:r:1:execution:m:n", "/dead-letters/redrive?id=7", "lazaret release", "Not known")
		if strings.Contains(body, "Scan again") {
			t.Error("an object that was moved can be scanned again")
		}
	}
	if code, _ := get(t, page, "/object?bucket=b"); code != 400 {
		t.Errorf("without a key: got %d, want 400", code)
	}
	page.Explain = func(context.Context, job.Object) (*explain.Page, error) { return nil, errors.New("no: " + hostileKey) }
	_, body = get(t, page, "/object"+path+"&wait=yes")
	wants(t, body, `role="alert"`, "no: in/")
}

func TestRescan(t *testing.T) {
	t.Parallel()
	page := newObjects(t)
	var requested []job.Object
	key := "in/a\nb " + hostileKey // a form would change the end of the line
	page.Find = func(_ context.Context, o job.Object) (job.Object, error) {
		o.Size = 1536
		return o, nil
	}
	page.Rescan = func(_ context.Context, o job.Object) (string, error) {
		requested = append(requested, o)
		return "name", nil
	}
	page.Follow = func(
		_ context.Context, name string, _ time.Time, report func(rescan.Event),
	) (rescan.End, error) {
		report(rescan.Event{State: "Scan"})
		return rescan.End{
			Execution: "arn:aws:states:r:1:execution:m:" + name, Status: history.Succeeded, State: "Done",
			Job: job.Job{Scan: &job.Scan{Verdict: job.Clean}},
		}, nil
	}
	path := "/object/rescan?bucket=b&versionId=v&key=" + url.QueryEscape(key)
	_, body := get(t, page, path)
	wants(t, body, "Scan this version again?", "1.5 KiB", "ward-rescans", "%0Ab+in%2F", "Cancel")
	if len(requested) > 0 {
		t.Fatal("the second step has requested a scan")
	}
	code, location := post(t, page, path, nil)
	s := finish(t, page.Tasks, code, location)
	if s.Error != "" || len(s.Lines) != 2 || s.Lines[1].Mood != "CLEAN" {
		t.Errorf("got the error %q and the lines %+v, want the execution and its verdict", s.Error, s.Lines)
	}
	if len(requested) != 1 || requested[0].Key != key || requested[0].VersionID != "v" {
		t.Errorf("requested scans of %+v", requested)
	}

	page.Follow = func(context.Context, string, time.Time, func(rescan.Event)) (rescan.End, error) {
		return rescan.End{Status: history.Failed, State: "Failed", Error: "TagLimit"}, nil
	}
	code, location = post(t, page, path, nil)
	if s := finish(t, page.Tasks, code, location); !strings.Contains(s.Error, "TagLimit") {
		t.Errorf("a dead letter: got the error %q, want TagLimit", s.Error)
	}
	page.Find = func(context.Context, job.Object) (job.Object, error) { return job.Object{}, rescan.ErrNotFound }
	if code, _ := get(t, page, path); code != 404 {
		t.Errorf("an object that is gone: got %d, want 404", code)
	}
}
