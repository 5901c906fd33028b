package endtoend

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestPromoteKeepsAll checks that a clean object is in the clean bucket with all metadata, its tags and its verdict,
// and no longer in the uploads bucket.
func TestPromoteKeepsAll(t *testing.T) {
	t.Parallel()
	m := layout(t, "three-bucket")
	const key = "promoted/año 1+1.pdf"
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	o := m.Put(t, key, sample.PDF(), harness.WithTags("own=1&path=a/b"), func(in *s3.PutObjectInput) {
		in.ContentType, in.ContentDisposition = aws.String("application/pdf"), aws.String(
			`attachment; filename="x y.pdf"`,
		)
		in.ContentEncoding, in.ContentLanguage = aws.String("identity"), aws.String("es")
		in.CacheControl, in.Expires = aws.String("max-age=60"), &expires
		in.Metadata = map[string]string{"owner": "anna", "trip": "Valparaiso 7"}
	})
	if r := m.Await(t, o); outcome(r).Verdict != job.Clean || r.Job.Copy == nil {
		t.Fatalf("got %+v, want CLEAN and a copy", r)
	}
	got, err := m.S3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(harness.Clean), Key: aws.String(key)})
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	own := map[string]string{}
	for k, v := range got.Metadata {
		if !strings.HasPrefix(k, "lazaret-") {
			own[k] = v
		}
	}
	if diff := cmp.Diff(map[string]string{"owner": "anna", "trip": "Valparaiso 7"}, own); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	headers := []string{
		aws.ToString(got.ContentType), aws.ToString(got.ContentDisposition), aws.ToString(got.ContentEncoding),
		aws.ToString(got.ContentLanguage), aws.ToString(got.CacheControl), aws.ToString(got.ExpiresString),
	}
	want := []string{
		"application/pdf",
		`attachment; filename="x y.pdf"`,
		"identity",
		"es",
		"max-age=60",
		"Wed, 02 Jan 2030 03:04:05 GMT",
	}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	tags := m.Tags(t, job.Object{Bucket: harness.Clean, Key: key})
	if tags["own"] != "1" || tags["path"] != "a/b" || tags["scan-status"] != "CLEAN" {
		t.Errorf("got tags %v, want own=1, path=a/b and scan-status=CLEAN", tags)
	}
	left, err := m.S3.ListObjectVersions(
		t.Context(),
		&s3.ListObjectVersionsInput{Bucket: aws.String(harness.Uploads), Prefix: aws.String(key)},
	)
	if err != nil || len(left.Versions)+len(left.DeleteMarkers) != 0 {
		t.Errorf("left in uploads: %+v, %v", left, err)
	}
	_, err = m.Read(t.Context(), job.Object{Bucket: harness.Uploads, Key: key})
	if awsclient.Status(err) != http.StatusNotFound && awsclient.Status(err) != http.StatusForbidden {
		t.Errorf("read it in uploads: %v", err)
	}
}

// TestSuperseded checks that the newest version wins in the clean bucket, in whatever order versions are scanned. An
// older version that is scanned later stays where it is.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	m := start(t, "--parameter-overrides", "BucketLayout=three-bucket")
	m.StopEvents(t)
	const key = "superseded.txt"
	var versions []job.Object
	for _, sequencer := range []string{"0A01", "0A02", "0B"} {
		o := m.Put(t, key, sample.Text(sequencer))
		o.Sequencer = sequencer
		versions = append(versions, o)
	}
	older, newer, newest := versions[0], versions[1], versions[2]
	m.SendEvent(t, newer)
	if r := m.Await(t, newer); r.Job.Copy == nil {
		t.Fatalf("newer version: got %+v, want it promoted", r)
	}
	m.SendEvent(t, older)
	r := m.Await(t, older)
	diff := cmp.Diff([]string{"Fetch", "Scan", "Tag", "Route", "Promote", "Superseded"}, r.States)
	if diff != "" || r.Status != "SUCCEEDED" {
		t.Errorf("older one: %s, states (-want +got):\n%s", r.Status, diff)
	}
	if got, err := m.Read(t.Context(), older); err != nil || !bytes.Equal(got, sample.Text("0A01")) {
		t.Errorf("read the older version: got %q, %v, want its content", got, err)
	}
	clean := job.Object{Bucket: harness.Clean, Key: key}
	if got, err := m.Read(t.Context(), clean); err != nil || !bytes.Equal(got, sample.Text("0A02")) {
		t.Errorf("clean bucket holds %q, %v", got, err)
	}
	m.SendEvent(t, newest)
	if r := m.Await(t, newest); r.Job.Copy == nil {
		t.Fatalf("newest version: got %+v, want it promoted", r)
	}
	if got, err := m.Read(t.Context(), clean); err != nil || !bytes.Equal(got, sample.Text("0B")) {
		t.Errorf("then the clean bucket holds %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{older.VersionID}, m.Versions(t, harness.Uploads, key)); diff != "" {
		t.Errorf("left in uploads (-want +got):\n%s", diff)
	}
	if kept := m.Versions(t, harness.Clean, key); len(kept) != 2 {
		t.Errorf("the clean bucket keeps %v, want both", kept)
	}
}
