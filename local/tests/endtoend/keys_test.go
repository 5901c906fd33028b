package endtoend

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestKeys checks that the object ends in a bucket under exactly the key that the uploader chose.
func TestKeys(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, layout string) {
		segment := strings.Repeat("long name ", 25) // 250 bytes
		for name, key := range map[string]string{
			"space":             "keys/with a space.txt",
			"spaces at ends":    "keys/ spaces at both ends ",
			"plus":              "keys/a+b.txt",
			"plus and space":    "keys/a+b c.txt",
			"percent":           "keys/100%",
			"percent sequence":  "keys/a%20b%2Fc.txt",
			"broken percent":    "keys/%zz%",
			"accents":           "keys/año à la ß.txt",
			"decomposed accent": "keys/an\u0303o.txt",
			"ideographs":        "keys/日本語.txt",
			"emoji":             "keys/🏴.txt",
			"right to left":     "keys/שלום.txt",
			"single quote":      "keys/it's.txt",
			"double quotes":     `keys/"quoted".txt`,
			"query and anchor":  "keys/a?b=c&d#e",
			"reserved":          "keys/!-_.*()$@:;,=",
			"brackets":          "keys/<a>{b}[c]|^~`.txt",
			"backslash":         `keys/a\b.txt`,
			"only punctuation":  "keys/...",
			"no extension":      "keys/.hidden",
			"shell":             "keys/$(reboot);`id`",
			"1024 bytes":        strings.Join([]string{segment, segment, segment, segment, "to the last byte, 1024"}, "/")[:1024],
			"tab":               "keys/a\tb",
			"newline":           "keys/a\nb.txt",
			"carriage return":   "keys/a\r\nX-Injected: 1",
			"dots inside":       "keys/a..b/...c",
			"dots encoded":      "keys/..%2F..%2Fetc%2Fpasswd",
			"non-characters":    "keys/\uFFFE\u200B.txt",
			"900 bytes":         "keys/" + strings.Join([]string{segment, segment, segment, segment[:141]}, "/"),
			"255 bytes":         "keys/" + strings.Repeat("x", 255),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				content := sample.Text(key)
				o := m.Put(t, key, content)
				r := m.Await(t, o)
				if v := outcome(r).Verdict; v != job.Clean {
					t.Fatalf("got verdict %q, states %v, %+v, want CLEAN", v, r.States, r.Failure)
				}
				if r.Job.Object.Key != key {
					t.Errorf("the job's key: got %q, want %q", r.Job.Object.Key, key)
				}
				where := job.Object{Bucket: harness.Uploads, Key: key}
				if layout == "three-bucket" {
					where.Bucket = harness.Clean
				}
				if got, err := m.Read(t.Context(), where); err != nil || !bytes.Equal(got, content) {
					t.Errorf("read the object in %s: got %q, %v, want what was uploaded", where.Bucket, got, err)
				}
				if name == "255 bytes" {
					return // the gateway has no room for a second version of it
				}
				bad := m.Put(t, key, eicar.Bytes())
				r = m.Await(t, bad)
				if r.Job.Copy == nil || r.Job.Copy.Bucket != harness.Quarantine {
					t.Fatalf(
						"infected: got states %v, copy %+v, %+v, want a copy in quarantine",
						r.States,
						r.Job.Copy,
						r.Failure,
					)
				}
				_, err := m.Read(t.Context(), bad)
				if awsclient.Status(err) != http.StatusNotFound && awsclient.Status(err) != http.StatusForbidden {
					t.Errorf("read the infected version: got %d, want 403 or 404", awsclient.Status(err))
				}
				var record job.Job
				said, err := m.As(role("Quarantine")).Read(
					t.Context(),
					job.Object{Bucket: harness.Quarantine, Key: r.Job.Copy.Key + ".json"},
				)
				if err != nil || json.Unmarshal(said, &record) != nil || record.Object.Key != key {
					t.Errorf("the record in quarantine: got key %q, %v, want %q", record.Object.Key, err, key)
				}
			})
		}
	})
}

// TestFolder checks empty objects whose keys end in a slash, which stand for folders. s3fs, s3a and rclone read such
// an object before they use the folder, so it must get a verdict.
func TestFolder(t *testing.T) {
	t.Parallel()
	m := start(t)
	keys := []string{"inbox/", "inbox/deeper/", "inbox/file"}
	for _, key := range keys {
		m.Put(t, key, nil)
	}
	for _, key := range keys {
		harness.Poll(t, key+" to be readable", func() bool {
			_, err := m.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(harness.Uploads), Key: &key})
			return err == nil
		})
		if got := m.Tags(t, job.Object{Bucket: harness.Uploads, Key: key})["scan-status"]; got != string(job.Clean) {
			t.Errorf("%s: got scan-status %q, want %q", key, got, job.Clean)
		}
	}
	m.AwaitIdle(t)
	if left := m.Bodies(t, harness.DeadLetterQueue); len(left) != 0 {
		t.Errorf("got dead letters %q, want none", left)
	}
}

// executions returns the names of all executions with this prefix, newest first. A name that several have is there
// once.
func (m *machine) executions(t *testing.T, prefix string) []string {
	t.Helper()
	var names []string
	for _, e := range m.List(t) {
		if strings.HasPrefix(e.Name, prefix) && !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	return names
}
