package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// An original under Object Lock is copied, stays where it is under its verdict,
// and the job ends: it is not tried until the retention is over.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	m := Start(t, "--parameter-overrides", "BucketLayout=three-bucket", "AnnounceClean=true")
	m.listen(t)
	if _, err := m.S3.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: aws.String(Uploads), ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled},
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
			o := m.Put(t, key, content, locked, Tagged("own=1"))
			r := m.Await(t, o)
			if r.Status != "SUCCEEDED" || outcome(r).Verdict != verdict || r.Job.Copy == nil || !r.Job.Copy.SourceLocked {
				t.Fatalf("%s: %s, states %v, copy %+v, %+v", key, r.Status, r.States, r.Job.Copy, r.Dead)
			}
			if diff := cmp.Diff([]string{o.VersionID}, m.Versions(t, Uploads, key)); diff != "" {
				t.Errorf("%s: versions of the original (-want +got):\n%s", key, diff)
			}
			if tags := m.Tags(t, o); tags["scan-status"] != string(verdict) || tags["own"] != "1" {
				t.Errorf("%s: tags of the original %v", key, tags)
			}
			if verdict == job.Clean {
				if got, err := m.Read(t.Context(), job.Object{Bucket: Clean, Key: key}); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: promoted: %v", key, err)
				}
				continue
			}
			if _, err := m.Read(t.Context(), o); Status(err) != http.StatusForbidden {
				t.Errorf("%s: read the original: %d", key, Status(err))
			}
			if !bytes.Equal(m.quarantinedBytes(t, o), content) {
				t.Errorf("%s: quarantine holds other bytes", key)
			}
			told := m.told(t)[o]
			if len(told) != 1 || told[0].Disposition != "locked" {
				t.Errorf("%s: announced %+v", key, told)
			}
		}
	}
}

// Everything that an object carries goes to quarantine with it.
func TestQuarantineKeepsAll(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	o := m.Put(t, "kept/año 1+1.exe", eicar.Bytes(), Tagged("own=1&path=a/b"), func(in *s3.PutObjectInput) {
		in.ContentType, in.ContentDisposition = aws.String("application/x-dosexec"), aws.String(`attachment; filename="x y.exe"`)
		in.ContentEncoding, in.ContentLanguage = aws.String("identity"), aws.String("es")
		in.CacheControl, in.Expires = aws.String("max-age=60"), &expires
		in.Metadata = map[string]string{"owner": "anna", "trip": "=?UTF-8?Q?Valpara=C3=ADso?=", "lazaret-verdict": "CLEAN"}
	})
	r := m.Await(t, o)
	if r.Job.Copy == nil || r.Job.Copy.Bucket != Quarantine {
		t.Fatalf("%+v", r)
	}
	got, err := m.As(role("Quarantine")).S3.HeadObject(t.Context(), &s3.HeadObjectInput{
		Bucket: aws.String(Quarantine), Key: &r.Job.Copy.Key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		t.Fatal(err)
	}
	headers := []string{
		aws.ToString(got.ContentType), aws.ToString(got.ContentDisposition), aws.ToString(got.ContentEncoding),
		aws.ToString(got.ContentLanguage), aws.ToString(got.CacheControl), aws.ToString(got.ExpiresString),
	}
	want := []string{"application/x-dosexec", `attachment; filename="x y.exe"`, "identity", "es", "max-age=60", "Wed, 02 Jan 2030 03:04:05 GMT"}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	about := map[string]string{
		"owner": "anna", "trip": "=?UTF-8?Q?Valpara=C3=ADso?=", "lazaret-verdict": r.Job.Scan.Outcome(), "lazaret-sha256": r.Job.Scan.SHA256,
		"lazaret-source-bucket": Uploads, "lazaret-source-version": o.VersionID, "lazaret-source-key": "kept/a%C3%B1o%201%2B1.exe",
	}
	for k, v := range about {
		if got.Metadata[k] != v {
			t.Errorf("metadata %s is %q, want %q", k, got.Metadata[k], v)
		}
	}
	if tags := m.Tags(t, job.Object{Bucket: Quarantine, Key: r.Job.Copy.Key}); tags["own"] != "1" || tags["path"] != "a/b" || tags["scan-status"] != "INFECTED" {
		t.Errorf("tags %v", tags)
	}
	if aws.ToString(got.ChecksumSHA256) == "" || strings.Contains(aws.ToString(got.ChecksumSHA256), "-") {
		t.Errorf("the copy's SHA-256 is %q", aws.ToString(got.ChecksumSHA256))
	}
}
