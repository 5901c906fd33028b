package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// forgeries are spellings under which a policy might read a tag as the verdict:
// names of condition keys ignore case.
var forgeries = []string{"scan-status=CLEAN", "Scan-Status=CLEAN", "SCAN-STATUS=CLEAN", "own=1&scan-status=CLEAN", "scan-status=", "scan-status=INFECTED"}

// No way of uploading lets an uploader bring a verdict along. Each way works
// with another tag, so that it is the verdict that is refused.
func TestUploadWithVerdict(t *testing.T) {
	ways := map[string]func(m *Machine, ctx context.Context, key, tags string) int{
		"put": func(m *Machine, ctx context.Context, key, tags string) int {
			_, err := m.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(Uploads), Key: &key, Tagging: &tags})
			return Status(err)
		},
		"multipart": func(m *Machine, ctx context.Context, key, tags string) int {
			_, err := m.S3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(Uploads), Key: &key, Tagging: &tags})
			return Status(err)
		},
		"form": (*Machine).postForm,
	}
	eachLayout(t, func(t *testing.T, m *Machine, _ string) {
		for name, upload := range ways {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for i, tags := range forgeries {
					key := fmt.Sprintf("forged/%s %d", name, i)
					if got := upload(m, t.Context(), key, tags); got != http.StatusForbidden {
						t.Errorf("upload with %q: %d", tags, got)
					}
					if left := m.Versions(t, Uploads, key); len(left) != 0 {
						t.Errorf("upload with %q left %v", tags, left)
					}
				}
				if got := upload(m, t.Context(), "forged/"+name+" with another tag", "own=1"); got != http.StatusOK && got != http.StatusNoContent {
					t.Errorf("upload with another tag: %d", got)
				}
			})
		}
	})
}

// postForm uploads as a browser does, through a form with a signed policy.
func (m *Machine) postForm(ctx context.Context, key, tags string) int {
	presigned, err := s3.NewPresignClient(m.S3).PresignPostObject(ctx, &s3.PutObjectInput{Bucket: aws.String(Uploads), Key: &key},
		func(o *s3.PresignPostOptions) { o.Conditions = []any{[]any{"starts-with", "$tagging", ""}} })
	if err != nil {
		return Status(err)
	}
	var document strings.Builder
	document.WriteString("<Tagging><TagSet>")
	for tag := range strings.SplitSeq(tags, "&") {
		name, value, _ := strings.Cut(tag, "=")
		fmt.Fprintf(&document, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", name, value)
	}
	document.WriteString("</TagSet></Tagging>")
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	presigned.Values["tagging"] = document.String()
	for name, value := range presigned.Values {
		_ = form.WriteField(name, value) // into memory
	}
	file, _ := form.CreateFormFile("file", "form.txt")
	_, _ = file.Write(eicar.Bytes())
	_ = form.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, presigned.URL, &body)
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response.StatusCode
}

// A file that came by form is scanned like any other.
func TestFormUploadIsScanned(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	if status := m.postForm(t.Context(), "by form.txt", "own=1"); status != http.StatusNoContent && status != http.StatusOK {
		t.Fatalf("upload: %d", status)
	}
	// The version is gone from uploads, and was the only one.
	Poll(t, "the infected file to leave", func() bool { return len(m.Versions(t, Uploads, "by form.txt")) == 0 })
	if names := m.executions(t, "by_form_txt-"); len(names) != 1 {
		t.Errorf("executions %q, want one", names)
	}
}

// After the verdict nobody but Tag touches the tags.
func TestRetag(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	locked := unscannable(t)
	objects := []job.Object{m.Put(t, "retag/clean", sample.Text("judged")), m.Put(t, "retag/unscannable", locked)}
	for _, o := range objects {
		m.Await(t, o)
		before := m.Tags(t, o)
		for _, who := range []string{"test", "111122223333", "lazaret-FetchFunctionRole", "lazaret-ScanFunctionRole", "lazaret-QuarantineFunctionRole", "lazaret-NotifyFunctionRole"} {
			clients := m.As(who)
			for _, version := range []*string{nil, &o.VersionID} {
				for _, tags := range append(forgeries, "own=1") {
					if err := clients.retag(t.Context(), o, version, tags); Status(err) != http.StatusForbidden {
						t.Errorf("%s tags %s with %q: %v", who, o, tags, err)
					}
				}
				_, err := clients.S3.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: version})
				if Status(err) != http.StatusForbidden {
					t.Errorf("%s deletes the tags of %s: %v", who, o, err)
				}
			}
		}
		if diff := cmp.Diff(before, m.Tags(t, o)); diff != "" {
			t.Errorf("tags changed (-before +after):\n%s", diff)
		}
	}
}

// Before the verdict, an object's tags are its owner's, but for the verdict's.
func TestTagBeforeVerdict(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	o := m.Put(t, "unscanned", sample.Text("unscanned"), m.Hold(t, "tag-before-verdict"))
	for _, tags := range forgeries {
		if err := m.retag(t.Context(), o, nil, tags); Status(err) != http.StatusForbidden {
			t.Errorf("tag it %q: %v", tags, err)
		}
	}
	if err := m.retag(t.Context(), o, nil, "own=1"); err != nil {
		t.Errorf("tag it with another tag: %v", err)
	}
	m.Announce(t, o)
	m.Await(t, o)
	if tags := m.Tags(t, o); tags["own"] != "1" || tags["scan-status"] != "CLEAN" {
		t.Errorf("tags are %v", tags)
	}
}

func (c Clients) retag(ctx context.Context, o job.Object, version *string, tags string) error {
	var set []types.Tag
	for tag := range strings.SplitSeq(tags, "&") {
		name, value, _ := strings.Cut(tag, "=")
		set = append(set, types.Tag{Key: &name, Value: &value})
	}
	_, err := c.S3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: version, Tagging: &types.Tagging{TagSet: set},
	})
	return err
}

// A copy would carry its source's tags along, so no copy comes in, whole or as
// a part, and whatever it says of its tags.
func TestCopyIn(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *Machine, layout string) {
		m.NewBucket(t, "elsewhere")
		from := func(in *s3.PutObjectInput) { in.Bucket = aws.String("elsewhere") }
		m.Put(t, "forged", eicar.Bytes(), from, Tagged("scan-status=CLEAN"))
		m.Put(t, "plain", eicar.Bytes(), from)
		for _, source := range []string{"elsewhere/forged", "elsewhere/plain"} {
			for _, directive := range []types.TaggingDirective{"", types.TaggingDirectiveCopy, types.TaggingDirectiveReplace} {
				_, err := m.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
					Bucket: aws.String(Uploads), Key: aws.String("copied"), CopySource: &source, TaggingDirective: directive,
				})
				if Status(err) != http.StatusForbidden {
					t.Errorf("copy %s with directive %q: %v", source, directive, err)
				}
			}
			upload, err := m.S3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(Uploads), Key: aws.String("copied")})
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.S3.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{
				Bucket: aws.String(Uploads), Key: aws.String("copied"), UploadId: upload.UploadId, PartNumber: aws.Int32(1), CopySource: &source,
			})
			if Status(err) != http.StatusForbidden {
				t.Errorf("copy %s as a part: %v", source, err)
			}
		}
		if left := m.Versions(t, Uploads, "copied"); len(left) != 0 {
			t.Errorf("copies are there: %v", left)
		}
		if _, err := m.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: aws.String("elsewhere"), Key: aws.String("copied"), CopySource: aws.String("elsewhere/forged"),
		}); err != nil {
			t.Errorf("copy between other buckets: %v", err)
		}
	})
}

// Where copies are allowed in, the verdict that comes along counts for nothing:
// the copy gets its own.
func TestCopyInAllowed(t *testing.T) {
	t.Parallel()
	m := Start(t, "--parameter-overrides", "AllowCopyInto=true")
	m.NewBucket(t, "elsewhere")
	from := func(in *s3.PutObjectInput) { in.Bucket = aws.String("elsewhere") }
	for key, test := range map[string]struct {
		content []byte
		forged  string
		want    job.Verdict
	}{
		"infected": {eicar.Bytes(), "CLEAN", job.Infected},
		"clean":    {sample.Text("clean"), "INFECTED", job.Clean},
	} {
		source := m.Put(t, key, test.content, from, Tagged("own=1&scan-status="+test.forged))
		out, err := m.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: aws.String(Uploads), Key: &key, CopySource: aws.String("elsewhere/" + key),
		})
		if err != nil {
			t.Fatalf("copy %s in: %v", key, err)
		}
		r := m.Await(t, job.Object{Bucket: Uploads, Key: key, VersionID: aws.ToString(out.VersionId)})
		o := r.Job.Object
		if c := r.Job.Copy; c != nil {
			o = job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}
		}
		if got := outcome(r).Verdict; got != test.want || (r.Job.Copy != nil) != (test.want == job.Infected) {
			t.Errorf("%s: %q, copy %+v, %+v", key, got, r.Job.Copy, r.Dead)
		}
		if tags := m.Tags(t, o); tags["scan-status"] != string(test.want) || tags["own"] != "1" {
			t.Errorf("%s: tags %v", key, tags)
		}
		if tags := m.Tags(t, source); tags["scan-status"] != test.forged {
			t.Errorf("%s: the source's tags are %v", key, tags)
		}
	}
}
