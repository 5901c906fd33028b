package job_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// legal matches the names that both Step Functions and CloudWatch Logs accept.
var legal = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

func TestExecutionName(t *testing.T) {
	t.Parallel()
	base := job.Job{
		Object: job.Object{Bucket: "b", Key: "in/report 2026.pdf", VersionID: "v1", ETag: "e", Sequencer: "05"},
	}
	name := base.ExecutionName()
	if !strings.HasPrefix(name, "report_2026_pdf-") || !legal.MatchString(name) {
		t.Errorf("ExecutionName() = %q", name)
	}
	changes := map[string]struct {
		change func(*job.Job)
		same   bool
	}{
		"the same event again":            {func(*job.Job) {}, true},
		"another sequencer, same version": {func(j *job.Job) { j.Object.Sequencer = "06" }, true},
		"another attempt":                 {func(j *job.Job) { j.Attempt = 1 }, false},
		"another run":                     {func(j *job.Job) { j.Run = "r" }, false},
		"another version":                 {func(j *job.Job) { j.Object.VersionID = "v2" }, false},
		"another bucket":                  {func(j *job.Job) { j.Object.Bucket = "c" }, false},
		"key and version run together": {
			func(j *job.Job) { j.Object.Key, j.Object.VersionID = "in/report 2026.pdfv", "1" },
			false,
		},
		"same base name in another folder":  {func(j *job.Job) { j.Object.Key = "out/report 2026.pdf" }, false},
		"policy is no part of the identity": {func(j *job.Job) { j.Policy.AnnounceClean = true }, true},
	}
	for what, c := range changes {
		j := base
		c.change(&j)
		if got := j.ExecutionName(); (got == name) != c.same {
			t.Errorf("%s: name %q, was %q, want same %v", what, got, name, c.same)
		}
	}
}

func TestVersionFallsBack(t *testing.T) {
	t.Parallel()
	key := func(o job.Object) string { o.Bucket, o.Key = "b", "k"; return o.QuarantineKey() }
	first, later := time.Unix(1, 0), time.Unix(2, 0)
	if key(job.Object{VersionID: "null", Sequencer: "1"}) == key(job.Object{VersionID: "null", Sequencer: "2"}) {
		t.Error("null is no version: the sequencer must tell two uploads apart")
	}
	if key(job.Object{ETag: "e", LastModified: first}) == key(job.Object{ETag: "e", LastModified: later}) {
		t.Error("without version and sequencer the time must tell two uploads apart")
	}
	if key(job.Object{VersionID: "null", Sequencer: "1"}) != key(job.Object{Sequencer: "1"}) {
		t.Error("an absent version id and null mean the same")
	}
}
