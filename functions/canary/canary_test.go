package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

const uploads, quarantine, cleanBucket, prefix = "uploads", "quarantine", "clean", "in/.lazaret/canary/"

// pipeline is what stands between an upload and its end.
type pipeline struct {
	*s3fake.S3
	// what happens to each sample, by the end of its key
	infected, clean func(p pipeline, o job.Object, body string)
}

// run does it to every sample that is in the uploads bucket without a verdict.
func (p pipeline) run() {
	for key := range p.Current(uploads) {
		for _, o := range p.All(uploads, key) {
			do := p.clean
			if strings.HasSuffix(key, "eicar.com") {
				do = p.infected
			}
			if len(o.Tags) == 0 && do != nil {
				do(p, job.Object{Bucket: uploads, Key: key, VersionID: o.ID}, o.Body)
			}
		}
	}
}

func tagged(status string) func(pipeline, job.Object, string) {
	return func(p pipeline, o job.Object, _ string) {
		p.Retag(uploads, o.Key, o.VersionID, map[string]string{"scan-status": status})
	}
}

func removed(p pipeline, o job.Object, _ string) { p.Remove(uploads, o.Key, o.VersionID) }

// moved moves a sample to quarantine, with a record that change may change.
func moved(change func(*job.Job)) func(pipeline, job.Object, string) {
	return func(p pipeline, o job.Object, body string) {
		sum := sha256.Sum256([]byte(body))
		key := canary.QuarantinePrefix + o.QuarantineKey()
		record := job.Job{
			Version: 1, Object: o, Copy: &job.Copy{Bucket: quarantine, Key: key},
			Scan: &job.Scan{Verdict: job.Infected, Signature: "Eicar-Test", SHA256: hex.EncodeToString(sum[:])},
		}
		change(&record)
		text, err := json.Marshal(record)
		if err != nil {
			panic(err)
		}
		p.Add(quarantine, key, s3fake.Object{Body: body, Tags: map[string]string{"scan-status": "INFECTED"}})
		p.Add(quarantine, key+".json", s3fake.Object{Body: string(text)})
		removed(p, o, body)
	}
}

func promoted(status string) func(pipeline, job.Object, string) {
	return func(p pipeline, o job.Object, body string) {
		p.Add(cleanBucket, o.Key, s3fake.Object{Body: body, Tags: map[string]string{"scan-status": status}})
		removed(p, o, body)
	}
}

func asItIs(*job.Job) {}

func TestRounds(t *testing.T) {
	tests := []struct {
		name            string
		infected, clean func(pipeline, job.Object, string)
		three           bool // buckets
		before          func(*s3fake.S3)
		want            Outcome
		detail          string
	}{
		{name: "right", infected: moved(asItIs), clean: tagged("CLEAN"), want: Right, detail: "is tagged CLEAN"},
		{
			name: "right, three buckets", infected: moved(asItIs), clean: promoted("CLEAN"), three: true,
			want: Right, detail: "in the clean bucket",
		},
		{name: "nothing happens", want: Late, detail: "has no verdict"},
		{
			name: "EICAR is not moved", infected: tagged("INFECTED"), clean: tagged("CLEAN"),
			want: Late, detail: "is tagged INFECTED and was not moved",
		},
		{
			name: "the clean one is not promoted", infected: moved(asItIs), clean: tagged("CLEAN"), three: true,
			want: Late, detail: "was not moved",
		},
		{name: "EICAR is CLEAN", infected: tagged("CLEAN"), clean: tagged("CLEAN"), want: Wrong, detail: "is tagged CLEAN"},
		{
			name: "EICAR is UNSCANNABLE", infected: tagged("UNSCANNABLE"), clean: tagged("CLEAN"),
			want: Wrong, detail: "is tagged UNSCANNABLE",
		},
		{name: "EICAR comes out, the clean one does not", infected: moved(asItIs), want: Late, detail: "canary-clean.txt"},
		{
			name: "the clean one is INFECTED", infected: moved(asItIs), clean: tagged("INFECTED"),
			want: Wrong, detail: "is tagged INFECTED",
		},
		{name: "EICAR vanishes", infected: removed, clean: tagged("CLEAN"), want: Wrong, detail: "is not there"},
		{name: "the clean one vanishes", infected: moved(asItIs), clean: removed, want: Wrong, detail: "want it to stay"},
		{
			name: "the clean one vanishes, three buckets", infected: moved(asItIs), clean: removed, three: true,
			want: Wrong, detail: "is not there",
		},
		{
			name: "promoted with another verdict", infected: moved(asItIs), clean: promoted("UNSCANNABLE"), three: true,
			want: Wrong, detail: `is tagged "UNSCANNABLE"`,
		},
		{
			name: "a record of another verdict", infected: moved(func(j *job.Job) { *j.Scan = job.Scan{Verdict: job.Clean} }),
			clean: tagged("CLEAN"), want: Wrong, detail: "says CLEAN",
		},
		{
			name: "a record of other bytes", infected: moved(func(j *job.Job) { j.Scan.SHA256 = "00" }),
			clean: tagged("CLEAN"), want: Wrong, detail: "not that of the sample",
		},
		{
			name: "a record of another object", infected: moved(func(j *job.Job) { j.Object.VersionID = "other" }),
			clean: tagged("CLEAN"), want: Wrong, detail: "is about",
		},
		{
			name: "a record of another copy", infected: moved(func(j *job.Job) { j.Copy = nil }),
			clean: tagged("CLEAN"), want: Wrong, detail: "does not say",
		},
		{
			name: "uploads are refused", want: Failed, detail: "access denied",
			before: func(f *s3fake.S3) { refuse(f, "PutObject", 403, "AccessDenied") },
		},
		{
			name: "tags may not be read", want: Failed, detail: "read the tags",
			before: func(f *s3fake.S3) { refuse(f, "GetObjectTagging", 403, "AccessDenied") },
		},
		{
			name: "S3 is slow", want: Late, detail: "SlowDown",
			before: func(f *s3fake.S3) { refuse(f, "GetObjectTagging", 503, "SlowDown") },
		},
		{
			name: "nothing may be removed", infected: moved(asItIs), clean: tagged("CLEAN"), want: Failed, detail: "remove s3://",
			before: func(f *s3fake.S3) { refuse(f, "DeleteObject", 403, "AccessDenied") },
		},
		{
			name: "the bucket keeps no versions", want: Failed, detail: "keeps no versions",
			before: func(f *s3fake.S3) { f.Make(uploads, false) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := world()
			if tt.before != nil {
				tt.before(f)
			}
			p := pipeline{f, tt.infected, tt.clean}
			got, metrics, line := round(t, p, tt.three)
			if got.Outcome != tt.want || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("round is %s: %s, want %s: …%s…", got.Outcome, got.Detail, tt.want, tt.detail)
			}
			right := `"CanaryRight":0`
			if tt.want == Right {
				right = `"CanaryRight":1`
			}
			if !strings.Contains(metrics, right) {
				t.Errorf("metrics are %s, want %s", metrics, right)
			}
			if line["msg"] != "canary round ended" || line["outcome"] != string(tt.want) || line["detail"] != got.Detail {
				t.Errorf("log line is %v, want the outcome and the detail", line)
			}
		})
	}
}

func refuse(f *s3fake.S3, op string, status int, code string) {
	f.Before = func(is string, _ int) error {
		if is == op {
			return s3fake.Err(op, status, code, "")
		}
		return nil
	}
}

// world returns the buckets, at a time at which their first objects are older than an hour and new ones are not.
func world() *s3fake.S3 {
	f := s3fake.New()
	f.Page = 2
	for _, name := range []string{uploads, quarantine, cleanBucket} {
		f.Make(name, true)
	}
	return f
}

// round makes a round on a clock that runs only while the canary waits. The pipeline works during each pause.
func round(t *testing.T, p pipeline, three bool) (got Round, metrics string, line map[string]any) {
	t.Helper()
	var emitted, logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&logged, nil)))
	defer slog.SetDefault(before)
	for range 100 { // the fake's clock is that of its versions
		p.Add(quarantine, "clock", s3fake.Object{})
		p.Remove(quarantine, "clock", p.All(quarantine, "clock")[0].ID)
	}
	last := p.Add(quarantine, "clock", s3fake.Object{})
	p.Remove(quarantine, "clock", last.ID)
	now := last.Modified
	began := now
	h := handler{
		s3: p, place: canary.Place{Bucket: uploads, Prefix: prefix}, quarantine: quarantine,
		metrics: metric.New(&emitted, "lazaret"), now: func() time.Time { return now },
		pause: func(_ context.Context, d time.Duration) { p.run(); now = now.Add(d) },
	}
	if three {
		h.clean = cleanBucket
	}
	got, err := h.handle(t.Context(), nil)
	if (err == nil) != (got.Outcome == Right) {
		t.Errorf("outcome %s and error %v, want an error for each other round than a right one", got.Outcome, err)
	}
	if waited := now.Sub(began); waited > longestWait {
		t.Errorf("the round took %s, want %s at most", waited, longestWait)
	}
	if n := bytes.Count(logged.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("the round wrote %d log lines, want 1", n)
	}
	if err := json.Unmarshal(logged.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return got, emitted.String(), line
}

// TestRemoval: a right round removes what it made and what earlier rounds left, and nothing else. Any other round leaves
// its own objects for an hour.
func TestRemoval(t *testing.T) {
	f := world()
	f.Add(uploads, "in/theirs.txt", s3fake.Object{Body: "theirs", Tags: map[string]string{"scan-status": "CLEAN"}})
	f.Add(quarantine, "0a1b", s3fake.Object{Body: "theirs"})
	f.Add(uploads, prefix+"20261101T000000Z-old/canary-eicar.com", s3fake.Object{Tags: map[string]string{"scan-status": "x"}})
	f.Add(uploads, prefix+"20261101T000000Z-old/canary-eicar.com", s3fake.Object{Marker: true})
	f.Add(quarantine, canary.QuarantinePrefix+"old", s3fake.Object{Body: "old"})
	f.Add(quarantine, canary.QuarantinePrefix+"old.json", s3fake.Object{Body: "{}"})
	p := pipeline{f, moved(asItIs), func(p pipeline, o job.Object, body string) {
		// another round has begun meanwhile
		p.Add(uploads, prefix+"other/canary-eicar.com", s3fake.Object{Tags: map[string]string{"scan-status": "x"}})
		tagged("CLEAN")(p, o, body)
	}}
	if got, _, _ := round(t, p, false); got.Outcome != Right {
		t.Fatalf("round is %+v, want it right", got)
	}
	left := func() (keys []string) {
		for _, bucket := range []string{uploads, quarantine, cleanBucket} {
			for key := range f.Current(bucket) {
				keys = append(keys, bucket+"/"+key)
			}
		}
		slices.Sort(keys)
		return keys
	}
	want := []string{
		quarantine + "/0a1b", uploads + "/" + prefix + "other/canary-eicar.com", uploads + "/in/theirs.txt",
	}
	if got := left(); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	p.infected, p.clean = tagged("CLEAN"), tagged("CLEAN")
	if got, _, _ := round(t, p, false); got.Outcome != Wrong {
		t.Fatalf("round is %+v, want it wrong", got)
	}
	// That of the other round is older than an hour by now.
	if got := left(); len(got) != 3 || !strings.Contains(got[1], "canary-eicar.com") {
		t.Errorf("left after a wrong round are %q, want its object too", got)
	}
}
