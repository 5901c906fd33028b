package endtoend

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// TestNullVersion checks objects that were uploaded while the versioning of their bucket was off or suspended, and
// that have newer versions before they are scanned. They get their verdicts, and no other version is moved or tagged.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	for _, before := range []types.BucketVersioningStatus{"", types.BucketVersioningStatusSuspended} {
		name := "null-" + map[types.BucketVersioningStatus]string{
			"": "off", types.BucketVersioningStatusSuspended: "suspended",
		}[before]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
				t.Fatalf("create bucket %s: %v", name, err)
			}
			if before != "" {
				m.setVersioning(t, name, types.BucketVersioningStatusEnabled)
				m.setVersioning(t, name, before)
			}
			in := func(in *s3.PutObjectInput) { in.Bucket = &name }
			infected, clean := m.Put(t, "infected", eicar.Bytes(), in), m.Put(t, "clean", sample.Text("first"), in)
			m.setVersioning(t, name, types.BucketVersioningStatusEnabled)
			above := []job.Object{m.Put(t, "infected", sample.Text("second"), in), m.Put(t, "clean", eicar.Bytes(), in)}
			infected.VersionID, clean.VersionID = "", "" // as S3's events have it
			infected.Sequencer, clean.Sequencer = "01", "02"
			m.SendEvent(t, infected, clean)

			if r := m.Await(t, infected); outcome(r).Verdict != job.Infected || r.Job.Copy == nil {
				t.Errorf(
					"%s: got %+v, want INFECTED and moved; states %v, dead letter %+v",
					infected,
					outcome(r),
					r.States,
					r.Failure,
				)
			}
			if left := m.Versions(t, name, "infected"); !slices.Equal(left, []string{above[0].VersionID}) {
				t.Errorf("infected: versions %q, want %q", left, above[0].VersionID)
			}
			if r := m.Await(t, clean); outcome(r).Verdict != job.Clean {
				t.Errorf("%s: got %+v, want CLEAN; states %v, dead letter %+v", clean, outcome(r), r.States, r.Failure)
			}
			clean.VersionID = "null"
			if got := m.Tags(t, clean)["scan-status"]; got != "CLEAN" {
				t.Errorf("clean: scan-status of the version null is %q, want CLEAN", got)
			}
			for _, o := range above {
				if tags := m.Tags(t, o); len(tags) > 0 {
					t.Errorf("%s, whose event was not sent: got tags %v, want none", o, tags)
				}
			}
		})
	}
}

func (m *machine) setVersioning(t *testing.T, bucket string, to types.BucketVersioningStatus) {
	t.Helper()
	if _, err := m.S3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: to},
	}); err != nil {
		t.Fatalf("set the versioning of %s to %s: %v", bucket, to, err)
	}
}
