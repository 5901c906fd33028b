package endtoend

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// admin is the root user of the stack's account. A bucket policy applies to it until it changes the policy.
const admin = "000000000000"

// TestForgeryUnderEachGate checks that with each read gate and layout no principal but Tag's role can write a
// verdict, with any request, on objects with and without a verdict. The bucket sends no events, so only the test
// writes verdicts.
func TestForgeryUnderEachGate(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"two-bucket", "three-bucket"} {
		for _, gate := range []string{"clean-only", "not-infected", "off"} {
			t.Run(layout+" "+gate, func(t *testing.T) {
				t.Parallel()
				m := start(
					t,
					"--definitions",
					"none",
					"--parameter-overrides",
					"BucketLayout="+layout+" ReadGate="+gate,
					readers,
				)
				m.StopEvents(t)
				m.NewBucket(t, "elsewhere")
				m.Put(t, "forged", sample.Text("forged"), into("elsewhere"), harness.WithTags("scan-status=CLEAN"))
				everyone := []string{
					"test",
					admin,
					trustedReader,
					quarantineReader,
					otherAccount,
					role("Dispatch"),
					role("Fetch"),
					role("Scan"),
					role("Quarantine"),
					role("Notify"),
				}
				if layout == "three-bucket" {
					everyone = append(everyone, role("Promote"))
				}
				unjudged := m.Put(t, "unjudged", sample.Text("unjudged"))
				judged := map[string]job.Object{}
				for _, status := range []string{"CLEAN", "INFECTED", "UNSCANNABLE"} {
					o := m.Put(t, "judged "+status, sample.Text(status))
					if err := m.as(role("Tag")).retag(
						t.Context(),
						o,
						&o.VersionID,
						"own=1&scan-status="+status,
					); err != nil {
						t.Fatalf("judge %s: %v", o, err)
					}
					judged[status] = o
				}
				for _, who := range everyone {
					c := m.as(who)
					tried := forgeries
					if who != "test" {
						tried = forgeries[:2] // the condition is the same for all
					}
					for _, tags := range tried {
						c.forge(t, who, tags, unjudged)
						for _, o := range judged {
							c.retagJudged(t, who, tags, o)
						}
					}
					for _, o := range judged {
						c.retagJudged(t, who, "own=2", o)
						c.untagJudged(t, who, o)
					}
				}
				if tags := m.Tags(t, unjudged); len(tags) != 0 {
					t.Errorf("the object without a verdict: got tags %v, want none", tags)
				}
				for status, o := range judged {
					diff := cmp.Diff(map[string]string{"own": "1", "scan-status": status}, m.Tags(t, o))
					if diff != "" {
						t.Errorf("tags of %s (-want +got):\n%s", o, diff)
					}
				}
				if left := m.Versions(t, harness.Uploads, "forged"); len(left) != 0 {
					t.Errorf("got forged versions %v, want none", left)
				}
			})
		}
	}
}

// forge tries every request that could give a verdict to an object without one.
func (c clients) forge(t *testing.T, who, tags string, unjudged job.Object) {
	t.Helper()
	bucket, key, source := aws.String(harness.Uploads), aws.String("forged"), aws.String("elsewhere/forged")
	tries := map[string]error{}
	_, tries["put"] = c.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Tagging: &tags})
	_, tries["multipart"] = c.S3.CreateMultipartUpload(
		t.Context(),
		&s3.CreateMultipartUploadInput{Bucket: bucket, Key: key, Tagging: &tags},
	)
	_, tries["copy"] = c.S3.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: bucket, Key: key, CopySource: source})
	_, tries["copy with tags"] = c.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: bucket, Key: key, CopySource: source, TaggingDirective: types.TaggingDirectiveReplace, Tagging: &tags,
	})
	_, tries["copy onto itself"] = c.S3.CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: bucket, Key: &unjudged.Key, CopySource: aws.String(harness.Uploads + "/" + unjudged.Key),
		TaggingDirective: types.TaggingDirectiveReplace, Tagging: &tags,
	})
	tries["tag"] = c.retag(t.Context(), unjudged, nil, tags)
	tries["tag a version"] = c.retag(t.Context(), unjudged, &unjudged.VersionID, tags)
	for how, err := range tries {
		if awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("%s as %s with %q: got %v, want 403", how, who, tags, err)
		}
	}
	if got := c.postForm(t.Context(), "forged", tags); got != http.StatusForbidden {
		t.Errorf("form as %s with %q: got %d, want 403", who, tags, got)
	}
}

// retagJudged tries to replace the tags of an object with a verdict.
func (c clients) retagJudged(t *testing.T, who, tags string, o job.Object) {
	t.Helper()
	for _, version := range []*string{nil, &o.VersionID} {
		if err := c.retag(t.Context(), o, version, tags); awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("tag %s, version named %v, as %s with %q: got %v, want 403", o.Key, version != nil, who, tags, err)
		}
	}
}

// untagJudged tries to remove the tags of an object with a verdict.
func (c clients) untagJudged(t *testing.T, who string, o job.Object) {
	t.Helper()
	for _, version := range []*string{nil, &o.VersionID} {
		_, err := c.S3.DeleteObjectTagging(
			t.Context(),
			&s3.DeleteObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: version},
		)
		if awsclient.Status(err) != http.StatusForbidden {
			t.Errorf(
				"delete the tags of %s, version named %v, as %s: got %v, want 403",
				o.Key,
				version != nil,
				who,
				err,
			)
		}
	}
}

// TestOverwritingSheds checks that a new version begins without a verdict: the verdict of the version before does not
// open the read gate.
func TestOverwritingSheds(t *testing.T) {
	t.Parallel()
	for gate, want := range map[string]int{
		"clean-only": http.StatusForbidden, "not-infected": http.StatusOK, "off": http.StatusOK,
	} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--definitions", "none", "--parameter-overrides", "ReadGate="+gate)
			m.StopEvents(t)
			for _, status := range []string{"CLEAN", "INFECTED"} {
				o := m.Put(t, "over "+status, sample.Text("judged"))
				if err := m.as(role("Tag")).retag(t.Context(), o, nil, "scan-status="+status); err != nil {
					t.Fatal(err)
				}
				over := m.Put(t, o.Key, sample.Text("over it"))
				if tags := m.Tags(t, over); len(tags) != 0 {
					t.Errorf("over %s: got tags %v, want none", status, tags)
				}
				for how, got := range m.user().reads(t, over) {
					if got != want {
						t.Errorf("over %s: %s: got %d, want %d", status, how, got, want)
					}
				}
			}
		})
	}
}

// TestTagsOfCopies checks that only their own functions can change the tags of copies in quarantine and in the clean
// bucket.
func TestTagsOfCopies(t *testing.T) {
	t.Parallel()
	m := start(t, "--definitions", "none", "--parameter-overrides", "BucketLayout=three-bucket", readers)
	for bucket, owner := range map[string]string{harness.Quarantine: role("Quarantine"), harness.Clean: role("Promote")} {
		if _, err := m.As(owner).S3.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &bucket, Key: aws.String("copy"), Tagging: aws.String("scan-status=INFECTED"),
		}); err != nil {
			t.Fatalf("put a copy into %s: %v", bucket, err)
		}
		for _, who := range []string{
			"test", admin, trustedReader, quarantineReader, otherAccount, role("Tag"), role("Fetch"), role("Scan"),
		} {
			c, o := m.as(who), job.Object{Bucket: bucket, Key: "copy", VersionID: m.Versions(t, bucket, "copy")[0]}
			if bucket != harness.Clean || who != role("Tag") { // tag writes what a later scan finds there
				c.retagJudged(t, who, "scan-status=CLEAN", o)
			}
			c.untagJudged(t, who, o)
			_, err := c.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("copy")})
			if awsclient.Status(err) != http.StatusForbidden {
				t.Errorf("overwrite the copy in %s as %s: got %v, want 403", bucket, who, err)
			}
		}
		if tags := m.Tags(t, job.Object{Bucket: bucket, Key: "copy"}); fmt.Sprint(tags) != "map[scan-status:INFECTED]" {
			t.Errorf("tags in %s: got %v, want scan-status=INFECTED only", bucket, tags)
		}
	}
}
