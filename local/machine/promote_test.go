package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// A clean object arrives in the clean bucket as it was uploaded, with its
// verdict, and nothing of it stays behind.
func TestPromoteKeepsAll(t *testing.T) {
	t.Parallel()
	m := layout(t, "three-bucket")
	const key = "promoted/año 1+1.pdf"
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	o := m.Put(t, key, sample.PDF(), Tagged("own=1&path=a/b"), func(in *s3.PutObjectInput) {
		in.ContentType, in.ContentDisposition = aws.String("application/pdf"), aws.String(`attachment; filename="x y.pdf"`)
		in.ContentEncoding, in.ContentLanguage = aws.String("identity"), aws.String("es")
		in.CacheControl, in.Expires = aws.String("max-age=60"), &expires
		in.Metadata = map[string]string{"owner": "anna", "trip": "Valparaiso 7"}
	})
	if r := m.Await(t, o); outcome(r).Verdict != job.Clean || r.Job.Copy == nil {
		t.Fatalf("%+v", r)
	}
	got, err := m.S3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(Clean), Key: aws.String(key)})
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
	want := []string{"application/pdf", `attachment; filename="x y.pdf"`, "identity", "es", "max-age=60", "Wed, 02 Jan 2030 03:04:05 GMT"}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	tags := m.Tags(t, job.Object{Bucket: Clean, Key: key})
	if tags["own"] != "1" || tags["path"] != "a/b" || tags["scan-status"] != "CLEAN" {
		t.Errorf("tags %v", tags)
	}
	left, err := m.S3.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(Uploads), Prefix: aws.String(key)})
	if err != nil || len(left.Versions)+len(left.DeleteMarkers) != 0 {
		t.Errorf("left in uploads: %+v, %v", left, err)
	}
	if _, err := m.Read(t.Context(), job.Object{Bucket: Uploads, Key: key}); Status(err) != http.StatusNotFound && Status(err) != http.StatusForbidden {
		t.Errorf("read it in uploads: %v", err)
	}
}

// The newest version wins in the clean bucket whatever order they are scanned
// in; an older one that comes later stays where it is.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	m := Start(t, "--parameter-overrides", "BucketLayout=three-bucket")
	m.Mute(t)
	const key = "superseded.txt"
	var versions []job.Object
	for _, sequencer := range []string{"0A01", "0A02", "0B"} {
		o := m.Put(t, key, sample.Text(sequencer))
		o.Sequencer = sequencer
		versions = append(versions, o)
	}
	older, newer, newest := versions[0], versions[1], versions[2]
	m.Announce(t, newer)
	if r := m.Await(t, newer); r.Job.Copy == nil {
		t.Fatalf("newer one: %+v", r)
	}
	m.Announce(t, older)
	r := m.Await(t, older)
	if diff := cmp.Diff([]string{"Fetch", "Scan", "Tag", "Route", "Promote", "Superseded"}, r.States); diff != "" || r.Status != "SUCCEEDED" {
		t.Errorf("older one: %s, states (-want +got):\n%s", r.Status, diff)
	}
	if got, err := m.Read(t.Context(), older); err != nil || !bytes.Equal(got, sample.Text("0A01")) {
		t.Errorf("the older one's source: %v, %q", err, got)
	}
	clean := job.Object{Bucket: Clean, Key: key}
	if got, err := m.Read(t.Context(), clean); err != nil || !bytes.Equal(got, sample.Text("0A02")) {
		t.Errorf("clean bucket holds %q, %v", got, err)
	}
	m.Announce(t, newest)
	if r := m.Await(t, newest); r.Job.Copy == nil {
		t.Fatalf("newest one: %+v", r)
	}
	if got, err := m.Read(t.Context(), clean); err != nil || !bytes.Equal(got, sample.Text("0B")) {
		t.Errorf("then the clean bucket holds %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{older.VersionID}, m.Versions(t, Uploads, key)); diff != "" {
		t.Errorf("left in uploads (-want +got):\n%s", diff)
	}
	if kept := m.Versions(t, Clean, key); len(kept) != 2 {
		t.Errorf("the clean bucket keeps %v, want both", kept)
	}
}
