package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// mailWith is a mail with a zip in which a text stands.
func mailWith(t *testing.T, text string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	m, err := w.Create("folder/letter.txt")
	if err == nil {
		_, err = io.WriteString(m, "some words, "+text+", and more\n")
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return []byte("From: a@example.com\r\nTo: b@example.com\r\nSubject: a letter\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=edge\r\n\r\n--edge\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n" +
		"--edge\r\nContent-Type: application/zip; name=letter.zip\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=letter.zip\r\n\r\n" +
		base64.StdEncoding.EncodeToString(archive.Bytes()) + "\r\n--edge--\r\n")
}

// releasing is a machine with two signatures, and an existing bucket that has the policy of the uploads bucket.
func releasing(t *testing.T, layout string) *harness.Machine {
	t.Helper()
	const held = "held"
	m, server := mirrored(t, "--parameter-overrides", "BucketLayout="+layout+" ExistingBuckets="+held)
	m.ExistingBucket(t, held)
	server.Offer(mirror.Set(2, time.Now(), "firstword", "secondword")...)
	expect(t, m, 0, []string{": updated"}, "definitions", "update")
	return m
}

// quarantine uploads an object that is moved to quarantine, and returns the address of its copy.
func quarantine(
	t *testing.T, m *harness.Machine, key string, content []byte, changes ...func(*s3.PutObjectInput),
) string {
	t.Helper()
	return quarantined(t, m, m.Put(t, key, content, changes...))
}

// quarantined waits until an object is in quarantine, and returns the address of its copy.
func quarantined(t *testing.T, m *harness.Machine, o job.Object) string {
	t.Helper()
	r := m.Await(t, o)
	if r.Job.Copy == nil || r.Job.Scan.Verdict != job.Infected {
		t.Fatalf("%s: %s, copy %v, want it in quarantine", o, r.Job.Scan.Outcome(), r.Job.Copy)
	}
	return job.Object{Bucket: r.Job.Copy.Bucket, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}.Address()
}

// released runs lazaret release --output json.
func released(t *testing.T, m *harness.Machine, want int, args ...string) decide.Result {
	t.Helper()
	cmd, stdout, stderr := operator(t, m, append([]string{"release", "--output", "json", "--reason", "test"}, args...)...)
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("release %q: exit code %d, want %d:\n%s%s", args, got, want, stdout, stderr)
	}
	var result decide.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("release %q printed %q: %v", args, stdout, err)
	}
	return result
}

// TestRelease puts a false positive back, which a signature finds in a zip in a mail, with both layouts and in an
// existing bucket. The same bytes stay CLEAN, with tags of the uploader's own, and no others do.
func TestRelease(t *testing.T) {
	for _, layout := range []string{"two-bucket", "three-bucket"} {
		t.Run(layout, func(t *testing.T) {
			m := releasing(t, layout)
			mail := mailWith(t, "firstword")
			for _, bucket := range []string{"uploads", "held"} {
				key := "in/" + bucket + " 1+1.eml"
				change := func(in *s3.PutObjectInput) {
					in.Tagging, in.ContentType = aws.String("project=x%20y"), aws.String("message/rfc822")
					in.Metadata = map[string]string{"owner": "anna"}
					if bucket != "uploads" {
						in.Bucket = &bucket
					}
				}
				content := append(bytes.Clone(mail), bucket...) // so that each is another content
				copied := quarantine(t, m, key, content, change)
				if r := released(t, m, 0, copied, "--dry-run"); r.Record == nil || r.Verdict != nil {
					t.Errorf("dry run: %+v, want a record and no verdict", r)
				}
				expect(t, m, 0, []string{"if it is a false positive: lazaret release "}, "explain", copied)
				r := released(t, m, 0, copied)
				back, err := job.ParseAddress(r.Record.Object)
				if err != nil {
					t.Fatal(err)
				}
				for _, address := range []string{copied, r.Record.Original} {
					expect(t, m, 0, []string{"It was released on ", ": test. The object is " + back.String() + " now."},
						"explain", address)
				}
				wantObject, _ := job.ParseAddress(r.Record.Object)
				if r.Verdict.Verdict != "CLEAN" || wantObject.VersionID == "" || wantObject.Key != key {
					t.Fatalf("%s: %+v, verdict %+v, want CLEAN", bucket, r.Record, r.Verdict)
				}
				isAt(t, m, r, layout == "three-bucket" && bucket == "uploads", content)
				if again := released(t, m, 0, copied, "--no-wait"); !again.Done || again.Record.Object != r.Record.Object {
					t.Errorf("%s, released again: %+v, want that it is done", bucket, again)
				}
				// The same bytes once more, as anybody uploads them.
				if got := m.Await(t, m.Put(t, "again/"+bucket, content)).Job.Scan; got.Outcome() != "CLEAN" ||
					got.Detail != decision.DetailAllowed {
					t.Errorf("the same bytes again: %+v, want CLEAN, allowed", got)
				}
			}
			other := m.Await(t, m.Put(t, "other.eml", mailWith(t, "firstword too"))).Job.Scan
			if other.Verdict != job.Infected {
				t.Errorf("other bytes with the signature: %s, want INFECTED", other.Outcome())
			}
		})
	}
}

// isAt checks that a released object can be read with all that it had.
func isAt(t *testing.T, m *harness.Machine, r decide.Result, promoted bool, content []byte) {
	t.Helper()
	o, err := job.ParseAddress(r.Record.Object)
	if err != nil {
		t.Fatal(err)
	}
	if promoted {
		o.Bucket, o.VersionID = strings.Replace(o.Bucket, "-uploads-", "-clean-", 1), ""
		harness.Poll(t, "the promoted object", func() bool {
			_, err := m.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key})
			return err == nil
		})
	}
	body, err := m.Read(t.Context(), o)
	if err != nil || !bytes.Equal(body, content) {
		t.Errorf("read %s: %d bytes, %v, want the %d that were uploaded", o, len(body), err, len(content))
	}
	in := &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	head, err := m.S3.HeadObject(t.Context(), in)
	if err != nil || aws.ToString(head.ContentType) != "message/rfc822" || head.Metadata["owner"] != "anna" {
		t.Errorf("%s: %+v, %v, want the uploader's type and metadata", o, head, err)
	}
	o.VersionID = aws.ToString(head.VersionId)
	tags := m.Tags(t, o)
	if tags["project"] != "x y" || tags["scan-status"] != "CLEAN" || tags["scan-detail"] != "allowed" {
		t.Errorf("%s: tags %v, want the uploader's, and CLEAN, allowed", o, tags)
	}
}

// TestReleasesThatDoNotCount checks what stays INFECTED, what needs a flag, and what is refused.
func TestReleasesThatDoNotCount(t *testing.T) {
	m := releasing(t, "two-bucket")
	both := []byte("a text with firstword and with secondword in it\n")
	t.Run("a second signature", func(t *testing.T) {
		first := released(t, m, 1, quarantine(t, m, "both.txt", both))
		if first.Verdict == nil || first.Verdict.Verdict != "INFECTED" {
			t.Fatalf("released for one of its signatures: %+v, want INFECTED", first)
		}
		again, err := job.ParseAddress(first.Record.Object) // which may be tagged and not moved yet
		if err != nil {
			t.Fatal(err)
		}
		second := released(t, m, 0, quarantined(t, m, again))
		if len(second.Record.Signatures) != 2 || second.Verdict.Verdict != "CLEAN" {
			t.Errorf("released for both: %+v, %+v, want CLEAN", second.Record, second.Verdict)
		}
	})
	t.Run("a newer object", func(t *testing.T) {
		copied := quarantine(t, m, "newer.txt", []byte("a firstword that is newer"))
		m.Await(t, m.Put(t, "newer.txt", []byte("the newer object")))
		expect(t, m, 1, []string{"the key has a newer object today", "--overwrite"}, "release", copied, "--reason", "r")
		expect(t, m, 0, []string{
			"released 's3://", "in place of the newer object", "its version id and its time are new", "CLEAN",
		}, "release", copied, "--reason", "r", "--overwrite")
		if n := len(m.Versions(t, "lazaret-uploads-000000000000-us-east-1", "newer.txt")); n != 2 {
			t.Errorf("%d versions, want the newer object and the released one", n)
		}
	})
	t.Run("an expired entry", func(t *testing.T) {
		content := []byte("a firstword that expires")
		r := released(t, m, 0, quarantine(t, m, "expires.txt", content), "--expires", "8s")
		time.Sleep(time.Until(*r.Record.Expires) + 100*time.Millisecond)
		if got := m.Await(t, m.Put(t, "late.txt", content)).Job.Scan; got.Verdict != job.Infected {
			t.Errorf("after it has expired: %s, want INFECTED", got.Outcome())
		}
		expect(t, m, 0, []string{"expired on"}, "release", "list")
	})
	t.Run("removed", func(t *testing.T) {
		content := []byte("a firstword that is removed")
		r := released(t, m, 0, quarantine(t, m, "removed.txt", content))
		expect(t, m, 0, []string{r.Record.SHA256, "until"}, "release", "list")
		expect(t, m, 0, []string{"no longer allowed"}, "release", "remove", r.Record.SHA256, "--reason", "r")
		if got := m.Await(t, m.Put(t, "removed again.txt", content)).Job.Scan; got.Verdict != job.Infected {
			t.Errorf("after it was removed: %s, want INFECTED", got.Outcome())
		}
		expect(t, m, 1, []string{"this content is not allowed"}, "release", "remove", r.Record.SHA256, "--reason", "r")
	})
	expect(t, m, 1, []string{"the quarantine bucket is"}, "release", "s3://held/a", "--reason", "r")
	expect(t, m, exitCannotStart, []string{"--reason is missing"}, "release", "s3://held/a")
	for says, flags := range map[string][]string{
		"want a number of days": {"--expires", "xd"}, "exclude each other": {"--signature", "X"},
	} {
		args := append([]string{"release", "s3://held/a", "--reason", "r"}, flags...)
		expect(t, m, exitCannotStart, []string{says}, args...)
	}
}

// TestReleaseSignature releases all copies of one signature, and no other.
func TestReleaseSignature(t *testing.T) {
	m := releasing(t, "two-bucket")
	for i := range 12 {
		quarantine(t, m, fmt.Sprintf("wrong %d.txt", i), fmt.Appendf(nil, "the firstword of %d", i))
	}
	other := quarantine(t, m, "right.txt", []byte("a secondword"))
	all := []string{"release", "--signature", "Word-firstword", "--reason", "withdrawn"}
	expect(t, m, exitCannotStart, []string{
		"12 copies by Word-firstword in quarantine, 0 more released before", "and 2 more", "release 12 copies?", "nothing was released",
	}, all...)
	expect(t, m, 0, []string{"12 copies"}, append(all, "--dry-run")...)
	expect(t, m, 0, []string{"12 copies released"}, append(all, "--yes")...)
	expect(t, m, 0, []string{"0 copies", "12 more released before"}, append(all, "--yes")...)
	for i := range 12 {
		key := fmt.Sprintf("wrong %d.txt", i)
		versions := m.Versions(t, "lazaret-uploads-000000000000-us-east-1", key)
		if len(versions) != 1 {
			t.Fatalf("%s has %d versions, want 1", key, len(versions))
		}
		o := job.Object{Bucket: "lazaret-uploads-000000000000-us-east-1", Key: key}
		if body, err := m.Read(t.Context(), o); err != nil || !strings.Contains(string(body), "firstword") {
			t.Errorf("read %s: %q, %v, want the object", o, body, err)
		}
	}
	if versions := m.Versions(t, "lazaret-uploads-000000000000-us-east-1", "right.txt"); len(versions) != 0 {
		t.Errorf("the copy %s by another signature was released too", other)
	}
}

// TestBlock blocks a harmless file before it is uploaded, lists it, and unblocks it.
func TestBlock(t *testing.T) {
	m, _ := mirrored(t)
	file := filepath.Join(t.TempDir(), "harmless.txt")
	content := []byte("a harmless text")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, m, 0, []string{"nothing is blocked"}, "block", "list")
	expect(t, m, 0, []string{"blocked: "}, "block", file, "--reason", "incident")
	expect(t, m, 0, []string{"blocked before: "}, "block", file, "--reason", "incident")
	r := m.Await(t, m.Put(t, "a.txt", content))
	if r.Job.Scan.Outcome() != "INFECTED blocked" || r.Job.Copy == nil {
		t.Fatalf("a blocked content: %s, copy %v, want INFECTED blocked, in quarantine", r.Job.Scan.Outcome(), r.Job.Copy)
	}
	expect(t, m, 0, []string{r.Job.Scan.SHA256, "incident"}, "block", "list")
	copied := job.Object{Bucket: r.Job.Copy.Bucket, Key: r.Job.Copy.Key}.Address()
	expect(t, m, 1, []string{"lazaret block remove"}, "release", copied, "--reason", "r")
	if got := m.Await(t, m.Put(t, "b.txt", []byte("another text"))).Job.Scan; got.Verdict != job.Clean {
		t.Errorf("another content: %s, want CLEAN", got.Outcome())
	}
	expect(t, m, 0, []string{"no longer blocked"}, "block", "remove", file, "--reason", "a mistake")
	if got := m.Await(t, m.Put(t, "c.txt", content)).Job.Scan; got.Outcome() != "CLEAN" {
		t.Errorf("unblocked: %s, want CLEAN", got.Outcome())
	}
	if r := released(t, m, 0, copied); r.Verdict.Verdict != "CLEAN" {
		t.Errorf("released: %+v, want CLEAN", r)
	}
	expect(t, m, exitCannotStart, []string{"neither a SHA-256"}, "block", "no such file", "--reason", "r")
	if _, err := m.S3.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: aws.String("lazaret-records-000000000000-us-east-1"), Key: aws.String("allowed/x.json"),
		Body: strings.NewReader("{}"),
	}); err == nil {
		t.Error("anybody may write what is allowed, want a refusal")
	}
}
