// Package events_test holds the sample events for sam local invoke to what the
// functions take: it reads each with its function's own decoder.
package events_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/refresh"
	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/template"
)

func read[T any](t *testing.T, file string) (v T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

// application is the template as sam local invoke sees it, all functions in it.
func application(t *testing.T) *template.Application {
	t.Helper()
	app, err := template.Load("../template.yaml", template.Options{Parameters: map[string]string{"BucketLayout": "three-bucket"}})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// TestEvents: the events are those of the objects that docs/local.md uploads.
func TestEvents(t *testing.T) {
	t.Parallel()
	clean, err := os.ReadFile("clean.txt")
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{"clean.txt": clean, "eicar.txt": eicar.Bytes()}
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{} // functions without an event
	for _, f := range application(t).Functions {
		left[f.Short] = true
	}
	for _, file := range files {
		function, _, _ := strings.Cut(strings.TrimSuffix(file, ".json"), "-")
		delete(left, function)
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			switch function {
			case "env": // no event
			case "freshclam":
				read[refresh.Request](t, file)
			case "dispatch":
				for _, j := range dispatched(t, file) {
					identify(t, j, content)
				}
			default:
				j := read[job.Job](t, file)
				identify(t, j, content)
				complete(t, function, j, content[j.Object.Key])
			}
		})
	}
	if len(left) > 0 {
		t.Errorf("functions without an event: %v", left)
	}
}

// dispatched are the jobs that dispatch starts; a test event asks for none.
func dispatched(t *testing.T, file string) (jobs []job.Job) {
	t.Helper()
	for _, m := range read[events.SQSEvent](t, file).Records {
		if sum := fmt.Sprintf("%x", md5.Sum([]byte(m.Body))); m.Md5OfBody != sum {
			t.Errorf("the MD5 of the body is %s, it says %s", sum, m.Md5OfBody)
		}
		decoded, err := upload.Decode([]byte(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if len(decoded.Jobs)+len(decoded.Ignored) != 1 {
			t.Errorf("the message asks for %d jobs and ignores %q", len(decoded.Jobs), decoded.Ignored)
		}
		jobs = append(jobs, decoded.Jobs...)
	}
	return jobs
}

func identify(t *testing.T, j job.Job, content map[string][]byte) {
	t.Helper()
	c, ok := content[j.Object.Key]
	if !ok || j.Object.Bucket != "samples" {
		t.Fatalf("nobody is told to upload %s", j.Object)
	}
	if err := j.Validate(); err != nil {
		t.Error(err)
	}
	if eTag := fmt.Sprintf("%x", md5.Sum(c)); j.Object.ETag != eTag || j.Object.Size != int64(len(c)) || j.Object.VersionID != "" {
		t.Errorf("%s: version %q, ETag %s, %d bytes; in a bucket without versions it is %s, %d bytes",
			j.Object, j.Object.VersionID, j.Object.ETag, j.Object.Size, eTag, len(c))
	}
}

// complete checks what the states before have filled in.
func complete(t *testing.T, function string, j job.Job, content []byte) {
	t.Helper()
	if function == "fetch" {
		if j.Work != nil || j.Scan != nil {
			t.Error("nothing is known before fetch")
		}
		return
	}
	j2 := j
	j2.Work = nil
	want := &job.Work{File: j2.ExecutionName(), Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content)), Fetches: 1}
	if diff := cmp.Diff(want, j.Work); diff != "" {
		t.Errorf("fetch leaves another work file: %s", diff)
	}
	if function == "scan" {
		if j.Scan != nil {
			t.Error("the verdict is known before scan")
		}
		return
	}
	verdict := job.Clean
	if bytes.Equal(content, eicar.Bytes()) {
		verdict = job.Infected
	}
	if !j.Scan.Known() || j.Scan.Verdict != verdict || j.Scan.SHA256 != want.SHA256 || j.Scan.Size != want.Size {
		t.Errorf("the scan of %s is %+v", j.Object, j.Scan)
	}
	if function == "notify" && (j.Copy == nil || j.Copy.Key != j.Object.QuarantineKey()) {
		t.Errorf("the copy is %+v", j.Copy)
	}
}

// elsewhere are the variables with which env.json leads away from AWS.
var elsewhere = map[string]string{
	"AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
	"WORK_DIR":         "/mnt/lazaret/work",  // below the one volume that samlocal mounts
	"DATABASE_MIRROR":  "http://127.0.0.1:9", // nobody listens: no sample may ask ClamAV's
	"DEFINITIONS_DIR":  "/mnt/lazaret/definitions",
}

// TestEnvironment: SAM replaces references by logical names, so env.json has
// the names of the local stack instead, and SAM drops what the template does not
// declare.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	env := read[map[string]map[string]string](t, "env.json")
	for _, f := range application(t).Functions {
		given := env[f.LogicalID]
		if given["AWS_ENDPOINT_URL"] == "" || given["STACK_NAME"] == "" {
			t.Errorf("%s would call AWS", f.LogicalID)
		}
		for name, value := range given {
			declared, ok := f.Environment[name]
			want := declared
			if other, led := elsewhere[name]; led {
				want = other
			}
			if name == "MAX_DEFINITIONS_AGE" {
				want = "0h" // test definitions have no age
			}
			if !ok || value != want {
				t.Errorf("%s has %s=%s, want %s (declared in the template: %t)", f.LogicalID, name, value, want, ok)
			}
		}
		for name, value := range f.Environment {
			if strings.Contains(value, "000000000000") && given[name] == "" {
				t.Errorf("%s is not given %s, a name that SAM does not know", f.LogicalID, name)
			}
		}
		delete(env, f.LogicalID)
	}
	if len(env) > 0 {
		t.Errorf("env.json names functions that the template lacks: %v", env)
	}
}
