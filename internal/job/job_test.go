package job_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

// full has every field set. Add each new field of Job here, so that the test of the wire format covers
// it.
func full() job.Job {
	built := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	return job.Job{
		Version: 1,
		Object: job.Object{
			Bucket: "lazaret-uploads-000000000000-us-east-1", Key: "in/año 1+1.pdf", VersionID: "3HL4kqtJvjVBH40Nrjfkd",
			ETag: "d41d8cd98f00b204e9800998ecf8427e", Size: 68, Sequencer: "0A1B2C3D4E5F678901", LastModified: built,
		},
		Attempt: 1,
		Run:     "rescan-7",
		Stays:   true,
		Lane:    "express-0123456789abcdef",
		Policy:  job.Policy{PromoteClean: true, QuarantineUnscannable: true, AnnounceClean: true, GuardDutyEvents: true},
		Work:    &job.Work{File: "a_o_1_1_pdf-0123", Size: 68, SHA256: "275a021b", Fetches: 1},
		Scan: &job.Scan{
			Verdict: job.Infected, Signature: "Eicar-Test-Signature", FirstSeen: built.Add(20 * time.Hour),
			Detail: "from the engine", Size: 68, SHA256: "275a021b",
			Engine:      job.Engine{Name: "clamd", Version: "1.4.6"},
			Definitions: &job.Definitions{Version: 27500, Built: built, Fingerprint: "9f86d081884c7d65"},
			Time:        built.Add(24 * time.Hour), DurationMS: 27,
		},
		Earlier: &job.Earlier{Verdict: job.Clean, Time: built, Definitions: 27499},
		Copy: &job.Copy{
			Bucket:       "lazaret-quarantine-000000000000-us-east-1",
			Key:          "0a1b",
			VersionID:    "v1",
			SHA256:       "275a021b",
			SourceLocked: true,
		},
		Error: &job.Failure{Error: "Transient", Cause: "get object: slow down"},
	}
}

func TestWireFormat(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetIndent("", "  ")
	if err := enc.Encode(full()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/job.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the wire format moved: executions in flight and the ASL depend on it (-golden +got):\n%s", diff)
	}
	var back job.Job
	if err := json.Unmarshal(want, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), back); diff != "" {
		t.Errorf("golden file does not read back (-want +got):\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*job.Job)
		ok     bool
	}{
		{name: "as dispatch makes it", change: func(*job.Job) {}, ok: true},
		{name: "of the previous version", change: func(j *job.Job) { j.Version = job.Version - 1 }, ok: true},
		{name: "of a later version", change: func(j *job.Job) { j.Version = job.Version + 1 }},
		{name: "without bucket", change: func(j *job.Job) { j.Object.Bucket = "" }},
		{name: "without key", change: func(j *job.Job) { j.Object.Key = "" }},
		{name: "without any version", change: func(j *job.Job) { j.Object = job.Object{Bucket: "b", Key: "k"} }},
		{name: "negative size", change: func(j *job.Job) { j.Object.Size = -1 }},
		{name: "negative attempt", change: func(j *job.Job) { j.Attempt = -1 }},
		{name: "without lane", change: func(j *job.Job) { j.Lane = "" }, ok: true},
		{name: "of a new lane", change: func(j *job.Job) { j.Lane = job.NewLane() }, ok: true},
		{name: "of a lane that would leave the folder", change: func(j *job.Job) { j.Lane = "../etc" }},
		{name: "of a lane with more behind it", change: func(j *job.Job) { j.Lane += ".2" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := full()
			tt.change(&j)
			if err := j.Validate(); tt.ok != (err == nil) || (err != nil && !errors.Is(err, job.ErrBadJob)) {
				t.Errorf("Validate() = %v, want ok %v", err, tt.ok)
			}
		})
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		scan *job.Scan
		want bool
	}{
		{name: "nil"},
		{name: "zero", scan: &job.Scan{}},
		{name: "clean", scan: &job.Scan{Verdict: job.Clean}, want: true},
		{name: "clean with a signature", scan: &job.Scan{Verdict: job.Clean, Signature: "X"}},
		{name: "infected", scan: &job.Scan{Verdict: job.Infected, Signature: "X"}, want: true},
		{name: "infected by nothing", scan: &job.Scan{Verdict: job.Infected}},
		{name: "unscannable", scan: &job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted}, want: true},
		{name: "unscannable for a reason of its own", scan: &job.Scan{Verdict: job.Unscannable, Reason: "tired"}},
		{name: "lower case", scan: &job.Scan{Verdict: "clean"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.scan.Known(); got != tt.want {
				t.Errorf("Known() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestVanished(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{
		"": nil, "Transient": nil, "TagLimit": nil, "ObjectGone": job.ErrObjectGone, "ObjectChanged": job.ErrObjectChanged,
	} {
		j := job.Job{Error: &job.Failure{Error: name}}
		if name == "" {
			j.Error = nil
		}
		if got := j.Vanished(); !errors.Is(got, want) {
			t.Errorf("after %q: %v, want %v", name, got, want)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want string
	}{
		{fmt.Errorf("get s3://b/k: %w", job.ErrObjectGone), "ObjectGone"},
		{fmt.Errorf("a: %w", fmt.Errorf("b: %w: %w", job.ErrTransient, errors.New("503"))), "Transient"},
		{fmt.Errorf("%w: %w", job.ErrTransient, job.ErrAccessDenied), "AccessDenied"},
		{errors.New("anything"), job.Unnamed},
	}
	for _, tt := range tests {
		if got := job.Name(tt.err); got != tt.want {
			t.Errorf("Name(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}
