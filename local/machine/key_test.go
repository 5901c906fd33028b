package machine

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// A key reaches the bucket where the object ends up as the uploader wrote it.
func TestKeys(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *Machine, layout string) {
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
					t.Fatalf("verdict %q, states %v, %+v", v, r.States, r.Dead)
				}
				if r.Job.Object.Key != key {
					t.Errorf("the job's key is %q", r.Job.Object.Key)
				}
				where := job.Object{Bucket: Uploads, Key: key}
				if layout == "three-bucket" {
					where.Bucket = Clean
				}
				if got, err := m.Read(t.Context(), where); err != nil || !bytes.Equal(got, content) {
					t.Errorf("read it where it is now: %v, %q", err, got)
				}
				if name == "255 bytes" {
					return // the gateway has no room for a second version of it
				}
				bad := m.Put(t, key, eicar.Bytes())
				r = m.Await(t, bad)
				if r.Job.Copy == nil || r.Job.Copy.Bucket != Quarantine {
					t.Fatalf("infected: states %v, copy %+v, %+v", r.States, r.Job.Copy, r.Dead)
				}
				if _, err := m.Read(t.Context(), bad); Status(err) != http.StatusNotFound && Status(err) != http.StatusForbidden {
					t.Errorf("read the infected version: %d", Status(err))
				}
				var record job.Job
				said, err := m.As(role("Quarantine")).Read(t.Context(), job.Object{Bucket: Quarantine, Key: r.Job.Copy.Key + ".json"})
				if err != nil || json.Unmarshal(said, &record) != nil || record.Object.Key != key {
					t.Errorf("the record in quarantine names %q, %v", record.Object.Key, err)
				}
			})
		}
	})
}

// An empty object whose key ends in a slash stands for a folder. s3fs, s3a and
// rclone ask for it before they work in the folder: it is judged like any other
// object without content, and readable then.
func TestFolder(t *testing.T) {
	t.Parallel()
	m := Start(t)
	keys := []string{"inbox/", "inbox/deeper/", "inbox/file"}
	for _, key := range keys {
		m.Put(t, key, nil)
	}
	for _, key := range keys {
		Poll(t, key+" to be readable", func() bool {
			_, err := m.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(Uploads), Key: &key})
			return err == nil
		})
		if got := m.Tags(t, job.Object{Bucket: Uploads, Key: key})["scan-status"]; got != string(job.Clean) {
			t.Errorf("%s: scan-status %q, want %q", key, got, job.Clean)
		}
	}
	m.Idle(t)
	if left := m.Bodies(t, DeadQueue); len(left) != 0 {
		t.Errorf("dead letters %q", left)
	}
}

// executions are the names of all that there are with this prefix.
func (m *Machine) executions(t *testing.T, prefix string) []string {
	t.Helper()
	var names []string
	pages := sfn.NewListExecutionsPaginator(m.SFN, &sfn.ListExecutionsInput{StateMachineArn: aws.String(ScanMachine)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("list executions: %v", err)
		}
		for _, e := range page.Executions {
			if name := aws.ToString(e.Name); strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
	}
	return names
}
