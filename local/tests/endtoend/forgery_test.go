package endtoend

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
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// forgeries are tags that a policy might read as a verdict. The names of condition keys ignore case.
var forgeries = []string{
	"scan-status=CLEAN",
	"Scan-Status=CLEAN",
	"SCAN-STATUS=CLEAN",
	"own=1&scan-status=CLEAN",
	"scan-status=",
	"scan-status=INFECTED",
}

// TestUploadWithVerdict checks that no request uploads an object with a verdict. Each request works with another tag,
// so the verdict is the reason of the refusal.
func TestUploadWithVerdict(t *testing.T) {
	ways := map[string]func(c clients, ctx context.Context, key, tags string) int{
		"put": func(c clients, ctx context.Context, key, tags string) int {
			_, err := c.S3.PutObject(
				ctx,
				&s3.PutObjectInput{Bucket: aws.String(harness.Uploads), Key: &key, Tagging: &tags},
			)
			return awsclient.Status(err)
		},
		"multipart": func(c clients, ctx context.Context, key, tags string) int {
			_, err := c.S3.CreateMultipartUpload(
				ctx,
				&s3.CreateMultipartUploadInput{Bucket: aws.String(harness.Uploads), Key: &key, Tagging: &tags},
			)
			return awsclient.Status(err)
		},
		"form": clients.postForm,
	}
	eachLayout(t, func(t *testing.T, m *machine, _ string) {
		for name, upload := range ways {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for i, tags := range forgeries {
					key := fmt.Sprintf("forged/%s %d", name, i)
					if got := upload(m.user(), t.Context(), key, tags); got != http.StatusForbidden {
						t.Errorf("upload with %q: got %d, want 403", tags, got)
					}
					if left := m.Versions(t, harness.Uploads, key); len(left) != 0 {
						t.Errorf("upload with %q: got versions %v, want none", tags, left)
					}
				}
				got := upload(m.user(), t.Context(), "forged/"+name+" with another tag", "own=1")
				if got != http.StatusOK && got != http.StatusNoContent {
					t.Errorf("upload with another tag: got %d, want 200 or 204", got)
				}
			})
		}
	})
}

// postForm uploads through a form with a signed policy, as a browser does, and returns the status of the answer.
func (c clients) postForm(ctx context.Context, key, tags string) int {
	presigned, err := s3.NewPresignClient(c.S3).PresignPostObject(
		ctx,
		&s3.PutObjectInput{Bucket: aws.String(harness.Uploads), Key: &key},
		func(o *s3.PresignPostOptions) { o.Conditions = []any{[]any{"starts-with", "$tagging", ""}} },
	)
	if err != nil {
		return awsclient.Status(err)
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

func TestFormUploadIsScanned(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	status := m.user().postForm(t.Context(), "by form.txt", "own=1")
	if status != http.StatusNoContent && status != http.StatusOK {
		t.Fatalf("upload: got %d, want 200 or 204", status)
	}
	// The version is gone from uploads, and was the only one.
	harness.Poll(
		t,
		"the infected file to leave",
		func() bool { return len(m.Versions(t, harness.Uploads, "by form.txt")) == 0 },
	)
	if names := m.executions(t, "by_form_txt-"); len(names) != 1 {
		t.Errorf("got executions %q, want one", names)
	}
}

// TestRetag checks that only Tag changes the tags of an object with a verdict.
func TestRetag(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	locked := encryptedZip(t)
	objects := []job.Object{m.Put(t, "retag/clean", sample.Text("judged")), m.Put(t, "retag/unscannable", locked)}
	for _, o := range objects {
		m.Await(t, o)
		before := m.Tags(t, o)
		for _, who := range []string{
			"test", "111122223333", "lazaret-FetchFunctionRole", "lazaret-ScanFunctionRole",
			"lazaret-QuarantineFunctionRole", "lazaret-NotifyFunctionRole",
		} {
			c := m.as(who)
			for _, version := range []*string{nil, &o.VersionID} {
				for _, tags := range append(forgeries, "own=1") {
					if err := c.retag(t.Context(), o, version, tags); awsclient.Status(err) != http.StatusForbidden {
						t.Errorf("tag %s with %q as %s: got %v, want 403", o, tags, who, err)
					}
				}
				_, err := c.S3.DeleteObjectTagging(
					t.Context(),
					&s3.DeleteObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: version},
				)
				if awsclient.Status(err) != http.StatusForbidden {
					t.Errorf("delete the tags of %s as %s: got %v, want 403", o, who, err)
				}
			}
		}
		if diff := cmp.Diff(before, m.Tags(t, o)); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}
	}
}

// TestTagBeforeVerdict checks that before the verdict the uploader can change all tags except those of the verdict.
func TestTagBeforeVerdict(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	o := m.Put(t, "unscanned", sample.Text("unscanned"), m.SilentBucket(t, "tag-before-verdict"))
	for _, tags := range forgeries {
		if err := m.user().retag(t.Context(), o, nil, tags); awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("tag it %q: got %v, want 403", tags, err)
		}
	}
	if err := m.user().retag(t.Context(), o, nil, "own=1"); err != nil {
		t.Errorf("tag it with another tag: %v", err)
	}
	m.SendEvent(t, o)
	m.Await(t, o)
	if tags := m.Tags(t, o); tags["own"] != "1" || tags["scan-status"] != "CLEAN" {
		t.Errorf("got tags %v, want own=1 and scan-status=CLEAN", tags)
	}
}

// retag replaces the tags of an object, or of its version if one is given.
func (c clients) retag(ctx context.Context, o job.Object, version *string, tags string) error {
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

// TestCopyIn checks that no copy into the uploads bucket is allowed, whole or as a part, with the source's tags or
// with new ones. A copy would have its source's tags.
func TestCopyIn(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, layout string) {
		m.NewBucket(t, "elsewhere")
		from := func(in *s3.PutObjectInput) { in.Bucket = aws.String("elsewhere") }
		m.Put(t, "forged", eicar.Bytes(), from, harness.WithTags("scan-status=CLEAN"))
		m.Put(t, "plain", eicar.Bytes(), from)
		for _, source := range []string{"elsewhere/forged", "elsewhere/plain"} {
			for _, directive := range []types.TaggingDirective{"", types.TaggingDirectiveCopy, types.TaggingDirectiveReplace} {
				_, err := m.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
					Bucket:           aws.String(harness.Uploads),
					Key:              aws.String("copied"),
					CopySource:       &source,
					TaggingDirective: directive,
				})
				if awsclient.Status(err) != http.StatusForbidden {
					t.Errorf("copy %s with directive %q: got %v, want 403", source, directive, err)
				}
			}
			upload, err := m.S3.CreateMultipartUpload(
				t.Context(),
				&s3.CreateMultipartUploadInput{Bucket: aws.String(harness.Uploads), Key: aws.String("copied")},
			)
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.S3.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{
				Bucket:     aws.String(harness.Uploads),
				Key:        aws.String("copied"),
				UploadId:   upload.UploadId,
				PartNumber: aws.Int32(1),
				CopySource: &source,
			})
			if awsclient.Status(err) != http.StatusForbidden {
				t.Errorf("copy %s as a part: got %v, want 403", source, err)
			}
		}
		if left := m.Versions(t, harness.Uploads, "copied"); len(left) != 0 {
			t.Errorf("got copies %v, want none", left)
		}
		if _, err := m.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: aws.String("elsewhere"), Key: aws.String("copied"), CopySource: aws.String("elsewhere/forged"),
		}); err != nil {
			t.Errorf("copy between other buckets: %v", err)
		}
	})
}

// TestCopyInAllowed checks that with AllowCopyInto the source's verdict has no effect: the copy gets its own.
func TestCopyInAllowed(t *testing.T) {
	t.Parallel()
	m := start(t, "--parameter-overrides", "AllowCopyInto=true")
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
		source := m.Put(t, key, test.content, from, harness.WithTags("own=1&scan-status="+test.forged))
		out, err := m.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: aws.String(harness.Uploads), Key: &key, CopySource: aws.String("elsewhere/" + key),
		})
		if err != nil {
			t.Fatalf("copy %s in: %v", key, err)
		}
		r := m.Await(t, job.Object{Bucket: harness.Uploads, Key: key, VersionID: aws.ToString(out.VersionId)})
		o := r.Job.Object
		if c := r.Job.Copy; c != nil {
			o = job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}
		}
		if got := outcome(r).Verdict; got != test.want || (r.Job.Copy != nil) != (test.want == job.Infected) {
			t.Errorf("%s: got %q, copy %+v, %+v, want %s", key, got, r.Job.Copy, r.Failure, test.want)
		}
		if tags := m.Tags(t, o); tags["scan-status"] != string(test.want) || tags["own"] != "1" {
			t.Errorf("%s: got tags %v, want scan-status=%s and own=1", key, tags, test.want)
		}
		if tags := m.Tags(t, source); tags["scan-status"] != test.forged {
			t.Errorf("%s: tags of the source: got %v, want scan-status=%s", key, tags, test.forged)
		}
	}
}
