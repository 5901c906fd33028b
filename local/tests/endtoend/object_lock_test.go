package endtoend

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

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

// TestObjectLock checks that an original under Object Lock is copied and stays where it is with its verdict, and that
// the job ends without waiting for the end of the retention.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	m := start(t, "--parameter-overrides", "BucketLayout=three-bucket", "AnnounceClean=true")
	m.subscribe(t)
	if _, err := m.S3.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket:                  aws.String(harness.Uploads),
		ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	retention := func(mode types.ObjectLockMode) func(*s3.PutObjectInput) {
		return func(in *s3.PutObjectInput) {
			in.ObjectLockMode, in.ObjectLockRetainUntilDate = mode, aws.Time(time.Now().Add(time.Hour))
		}
	}
	locks := map[string]func(*s3.PutObjectInput){
		"compliance": retention(types.ObjectLockModeCompliance),
		"governance": retention(types.ObjectLockModeGovernance),
		"legal hold": func(in *s3.PutObjectInput) {
			in.ObjectLockLegalHoldStatus = types.ObjectLockLegalHoldStatusOn
		},
	}
	for lock, locked := range locks {
		for verdict, content := range map[job.Verdict][]byte{job.Infected: eicar.Bytes(), job.Clean: sample.Text(lock)} {
			key := lock + " " + string(verdict)
			o := m.Put(t, key, content, locked, harness.WithTags("own=1"))
			r := m.Await(t, o)
			if r.Status != "SUCCEEDED" || outcome(r).Verdict != verdict || r.Job.Copy == nil ||
				!r.Job.Copy.SourceLocked {
				t.Fatalf(
					"%s: got %s, states %v, copy %+v, %+v, want a copy of a locked original",
					key,
					r.Status,
					r.States,
					r.Job.Copy,
					r.Failure,
				)
			}
			if diff := cmp.Diff([]string{o.VersionID}, m.Versions(t, harness.Uploads, key)); diff != "" {
				t.Errorf("%s: versions of the original (-want +got):\n%s", key, diff)
			}
			if tags := m.Tags(t, o); tags["scan-status"] != string(verdict) || tags["own"] != "1" {
				t.Errorf("%s: tags of the original: got %v, want scan-status=%s and own=1", key, tags, verdict)
			}
			if verdict == job.Clean {
				got, err := m.Read(t.Context(), job.Object{Bucket: harness.Clean, Key: key})
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: read the promoted copy: got %v, want what was uploaded", key, err)
				}
				continue
			}
			if _, err := m.Read(t.Context(), o); awsclient.Status(err) != http.StatusForbidden {
				t.Errorf("%s: read the original: got %d, want 403", key, awsclient.Status(err))
			}
			if !bytes.Equal(m.quarantinedBytes(t, o), content) {
				t.Errorf("%s: got other bytes in quarantine, want those of the upload", key)
			}
			told := m.announcements(t)[o]
			if len(told) != 1 || told[0].Disposition != "locked" {
				t.Errorf("%s: got the announcements %+v, want one with the disposition locked", key, told)
			}
		}
	}
}

// TestQuarantineKeepsAll checks that the copy in quarantine has all metadata and tags of the original.
func TestQuarantineKeepsAll(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	o := m.Put(t, "kept/año 1+1.exe", eicar.Bytes(), harness.WithTags("own=1&path=a/b"), func(in *s3.PutObjectInput) {
		in.ContentType, in.ContentDisposition = aws.String("application/x-dosexec"), aws.String(
			`attachment; filename="x y.exe"`,
		)
		in.ContentEncoding, in.ContentLanguage = aws.String("identity"), aws.String("es")
		in.CacheControl, in.Expires = aws.String("max-age=60"), &expires
		in.Metadata = map[string]string{
			"owner":           "anna",
			"trip":            "=?UTF-8?Q?Valpara=C3=ADso?=",
			"lazaret-verdict": "CLEAN",
		}
	})
	r := m.Await(t, o)
	if r.Job.Copy == nil || r.Job.Copy.Bucket != harness.Quarantine {
		t.Fatalf("got %+v, want a copy in quarantine", r)
	}
	got, err := m.As(role("Quarantine")).S3.HeadObject(t.Context(), &s3.HeadObjectInput{
		Bucket: aws.String(harness.Quarantine), Key: &r.Job.Copy.Key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		t.Fatal(err)
	}
	headers := []string{
		aws.ToString(got.ContentType), aws.ToString(got.ContentDisposition), aws.ToString(got.ContentEncoding),
		aws.ToString(got.ContentLanguage), aws.ToString(got.CacheControl), aws.ToString(got.ExpiresString),
	}
	want := []string{
		"application/x-dosexec",
		`attachment; filename="x y.exe"`,
		"identity",
		"es",
		"max-age=60",
		"Wed, 02 Jan 2030 03:04:05 GMT",
	}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	about := map[string]string{
		"owner":                  "anna",
		"trip":                   "=?UTF-8?Q?Valpara=C3=ADso?=",
		"lazaret-verdict":        r.Job.Scan.Outcome(),
		"lazaret-sha256":         r.Job.Scan.SHA256,
		"lazaret-source-bucket":  harness.Uploads,
		"lazaret-source-version": o.VersionID,
		"lazaret-source-key":     "kept/a%C3%B1o%201%2B1.exe",
	}
	for k, v := range about {
		if got.Metadata[k] != v {
			t.Errorf("metadata %s: got %q, want %q", k, got.Metadata[k], v)
		}
	}
	tags := m.Tags(t, job.Object{Bucket: harness.Quarantine, Key: r.Job.Copy.Key})
	if tags["own"] != "1" || tags["path"] != "a/b" || tags["scan-status"] != "INFECTED" {
		t.Errorf("got tags %v, want own=1, path=a/b and scan-status=INFECTED", tags)
	}
	if aws.ToString(got.ChecksumSHA256) == "" || strings.Contains(aws.ToString(got.ChecksumSHA256), "-") {
		t.Errorf("SHA-256 of the copy: got %q, want one of the whole object", aws.ToString(got.ChecksumSHA256))
	}
}
