// Package events_test holds the sample events in events/ to the functions that take them: it decodes each with its
// function's own types. The events are for sam local invoke, and events/env.json sets the functions' environment there.
package events_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/template"
)

const folder = "../../../events"

func read[T any](t *testing.T, file string) (v T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, file))
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

// application returns the template with all functions, as sam local invoke reads it.
func application(t *testing.T) *template.Application {
	t.Helper()
	app, err := template.Load("../../../template.yaml", template.Options{
		Parameters: map[string]string{"BucketLayout": "three-bucket", "GuardDutyEvents": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(app.Functions) == 0 {
		t.Fatal("the template has no functions")
	}
	return app
}

// TestEvents: there is an event for each function, and the events are about the objects that docs/local.md uploads.
func TestEvents(t *testing.T) {
	t.Parallel()
	clean, err := os.ReadFile(filepath.Join(folder, "clean.txt"))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{"clean.txt": clean, "eicar.txt": eicar.Bytes()}
	files, err := fs.Glob(os.DirFS(folder), "*.json")
	if err != nil {
		t.Fatal(err)
	}
	withoutEvent := map[string]bool{}
	for _, f := range application(t).Functions {
		withoutEvent[f.Short] = true
	}
	for _, file := range files {
		function, _, _ := strings.Cut(strings.TrimSuffix(file, ".json"), "-")
		delete(withoutEvent, function)
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			switch function {
			case "env": // the environment, see TestEnvironment
			case "canary": // its schedule sends nothing
				if event := read[map[string]any](t, file); len(event) != 0 {
					t.Errorf("got %v, want an empty event", event)
				}
			case "report":
				letter := read[upload.DeadLetter](t, file)
				identify(t, letter.Job, content)
				if letter.Error == "" || letter.Cause == "" || letter.Execution == "" {
					t.Errorf("got %+v, want what the state Report sends", letter)
				}
			case "freshclam":
				read[update.Request](t, file)
			case "sweep":
				e := read[struct {
					Action, Execution string
					Request           *sweep.Request
					State             *sweep.State
					Page              *sweep.Page
				}](t, file)
				if e.Request == nil {
					e.Request = &e.State.Request
				}
				if _, err := e.Request.Check(); err != nil || !e.Request.DryRun {
					t.Errorf("got request %+v, %v, want one of a dry run", e.Request, err)
				}
			case "release":
				read[decision.Request](t, file)
			case "dispatch":
				if file == "dispatch-count.json" { // the same that the schedule sends
					event := read[map[string]string](t, file)
					if diff := cmp.Diff(map[string]string{"count": "permits"}, event); diff != "" {
						t.Errorf("event (-want +got):\n%s", diff)
					}
					return
				}
				jobs := dispatched(t, file)
				if want := file != "dispatch-test-event.json"; (len(jobs) == 1) != want {
					t.Errorf("got %d jobs, want one: %t", len(jobs), want)
				}
				for _, j := range jobs {
					identify(t, j, content)
				}
			default:
				j := read[job.Job](t, file)
				identify(t, j, content)
				complete(t, function, j, content[j.Object.Key])
			}
		})
	}
	if len(withoutEvent) > 0 {
		t.Errorf("got no event for %v, want one for each function", withoutEvent)
	}
}

// dispatched returns the jobs that dispatch starts. The test event of S3 starts none.
func dispatched(t *testing.T, file string) (jobs []job.Job) {
	t.Helper()
	records := read[events.SQSEvent](t, file).Records
	if len(records) == 0 {
		t.Errorf("got no records, want one at least")
	}
	for _, m := range records {
		if sum := fmt.Sprintf("%x", md5.Sum([]byte(m.Body))); m.Md5OfBody != sum {
			t.Errorf("got md5OfBody %s, want %s", m.Md5OfBody, sum)
		}
		decoded, err := upload.Decode([]byte(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if len(decoded.Jobs)+len(decoded.Ignored) != 1 {
			t.Errorf("got %d jobs, ignored %q, want one of either", len(decoded.Jobs), decoded.Ignored)
		}
		jobs = append(jobs, decoded.Jobs...)
	}
	return jobs
}

// identify checks that a job is about one of the uploaded objects.
func identify(t *testing.T, j job.Job, content map[string][]byte) {
	t.Helper()
	c, ok := content[j.Object.Key]
	if !ok || j.Object.Bucket != "samples" {
		t.Fatalf("got %s, want an object that docs/local.md uploads", j.Object)
	}
	if err := j.Validate(); err != nil {
		t.Error(err)
	}
	want := j.Object
	want.ETag, want.Size, want.VersionID = fmt.Sprintf("%x", md5.Sum(c)), int64(len(c)), "" // the bucket has no versions
	if diff := cmp.Diff(want, j.Object); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
}

// complete checks what the states before a function have added to a job.
func complete(t *testing.T, function string, j job.Job, content []byte) {
	t.Helper()
	if function == "fetch" {
		if j.Work != nil || j.Scan != nil {
			t.Errorf("got work %+v, scan %+v, want neither before fetch", j.Work, j.Scan)
		}
		return
	}
	j2 := j
	j2.Work = nil
	want := &job.Work{
		File: j2.ExecutionName(), Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content)), Fetches: 1,
	}
	if diff := cmp.Diff(want, j.Work); diff != "" {
		t.Errorf("work file (-of fetch +got):\n%s", diff)
	}
	if function == "scan" {
		if j.Scan != nil {
			t.Errorf("got scan %+v, want none before scan", j.Scan)
		}
		return
	}
	verdict := job.Clean
	if bytes.Equal(content, eicar.Bytes()) {
		verdict = job.Infected
	}
	if !j.Scan.Known() || j.Scan.Verdict != verdict || j.Scan.SHA256 != want.SHA256 || j.Scan.Size != want.Size {
		t.Errorf("%s: got scan %+v, want %s of %+v", j.Object, j.Scan, verdict, want)
	}
	if function == "notify" && (j.Copy == nil || j.Copy.Key != j.Object.QuarantineKey()) {
		t.Errorf("got copy %+v, want key %s", j.Copy, j.Object.QuarantineKey())
	}
}

// elsewhere has the variables of env.json that differ from the template.
var elsewhere = map[string]string{
	"AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
	"WORK_DIR":         "/mnt/lazaret/work",  // in the only volume that sam local mounts
	"DATABASE_MIRROR":  "http://127.0.0.1:9", // nothing listens there: samples do not ask ClamAV's mirror
	"DEFINITIONS_DIR":  "/mnt/lazaret/definitions",
}

// TestEnvironment: env.json gives each function the names of the local stack, because sam local invoke replaces
// references by logical ids. It ignores variables that the template does not declare.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	env := read[map[string]map[string]string](t, "env.json")
	for _, f := range application(t).Functions {
		given := env[f.LogicalID]
		if given["AWS_ENDPOINT_URL"] == "" || given["STACK_NAME"] == "" {
			t.Errorf("%s: got AWS_ENDPOINT_URL %q, STACK_NAME %q, want both, since it would call AWS",
				f.LogicalID, given["AWS_ENDPOINT_URL"], given["STACK_NAME"])
		}
		for name, value := range given {
			declared, ok := f.Environment[name]
			want := declared
			if other, led := elsewhere[name]; led {
				want = other
			}
			if name == "MAX_DEFINITIONS_AGE" {
				want = "0h" // any age, because test definitions have no date
			}
			if !ok || value != want {
				t.Errorf("%s: got %s=%s, want %s (declared in the template: %t)", f.LogicalID, name, value, want, ok)
			}
		}
		for name, value := range f.Environment {
			if strings.Contains(value, "000000000000") && given[name] == "" {
				t.Errorf("%s: got no %s, want %s, which SAM cannot compute", f.LogicalID, name, value)
			}
		}
		delete(env, f.LogicalID)
	}
	if len(env) > 0 {
		t.Errorf("env.json: got %v, want functions of the template", env)
	}
}
