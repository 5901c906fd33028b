package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
	"github.com/lazaret/lazaret/internal/testing/sqsfake"
	"github.com/lazaret/lazaret/internal/upload"
)

const rescansURL = "https://sqs.us-east-1.amazonaws.com/000000000000/lazaret-rescans"

// bench is the function with buckets and a queue in memory.
type bench struct {
	handler
	store   *s3fake.S3
	queues  *sqsfake.Queues
	metrics bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: s3fake.New(), queues: &sqsfake.Queues{}}
	b.store.Make("records", true)
	b.store.Make("up", true)
	b.store.Make("held", false)
	b.handler = handler{
		s3: b.store, sqs: &sqsfake.Client{Queues: b.queues}, records: "records", rescans: rescansURL,
		buckets: []string{"up", "held"}, metrics: metric.New(&b.metrics, "lazaret"),
		now: func() time.Time { return s3fake.Epoch.Add(24 * time.Hour) },
	}
	return b
}

// call invokes the function with an event, and decodes its answer.
func call[T any](t *testing.T, b *bench, event map[string]any) T {
	t.Helper()
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	answer, err := b.handle(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", event["action"], err)
	}
	var out T
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// inUse is the answer of freshclam: definitions 100 are in use, since an hour before the epoch.
var inUse = map[string]any{
	"current": "new", "since": s3fake.Epoch.Add(-time.Hour),
	"generations": []any{
		map[string]any{"fingerprint": "new", "version": 100}, map[string]any{"fingerprint": "old", "version": 99},
	},
}

// sweep runs the states of the machine in their order. Each page in fails fails.
func (b *bench) sweep(t *testing.T, r sweep.Request, fails ...int) sweep.Summary {
	t.Helper()
	s := call[sweep.State](t, b, map[string]any{
		"action": "begin", "execution": "arn:x:execution:m:run-1", "request": r, "inUse": inUse,
	})
	for {
		s = call[sweep.State](t, b, map[string]any{"action": "list", "state": s})
		if s.Pages.Count == 0 {
			if s.Done {
				break
			}
			continue
		}
		results := map[string][]map[string]any{}
		for line := range strings.Lines(b.body(t, s.Pages.Key)) {
			var page sweep.Page
			if err := json.Unmarshal([]byte(line), &page); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(fails, page.Number) {
				results["FAILED"] = append(results["FAILED"], map[string]any{"Status": "FAILED", "Error": "Boom", "Cause": "why"})
				continue
			}
			counts := call[json.RawMessage](t, b, map[string]any{"action": "judge", "state": s, "page": page})
			results["SUCCEEDED"] = append(results["SUCCEEDED"], map[string]any{"Status": "SUCCEEDED", "Output": string(counts)})
		}
		files := map[string]any{"PENDING": []any{}}
		for status, all := range results {
			b.write(t, s.Results+"/"+status+"_0.json", all)
			files[status] = []any{map[string]any{"Key": s.Results + "/" + status + "_0.json"}}
		}
		b.write(t, s.Results+"/manifest.json", map[string]any{"DestinationBucket": "records", "ResultFiles": files})
		s.Map = &sweep.MapRun{}
		s.Map.ResultWriterDetails.Key = s.Results + "/manifest.json"
		if s = call[sweep.State](t, b, map[string]any{"action": "count", "state": s}); s.Done {
			break
		}
	}
	return call[sweep.Summary](t, b, map[string]any{"action": "report", "state": s})
}

func (b *bench) write(t *testing.T, key string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	b.store.Add("records", key, s3fake.Object{Body: string(text)})
}

func (b *bench) body(t *testing.T, key string) string {
	t.Helper()
	o, ok := b.store.Current("records")[key]
	if !ok {
		t.Fatalf("there is no s3://records/%s", key)
	}
	return o.Body
}

// sent returns the jobs that dispatch would start for the messages in the queue of rescans.
func (b *bench) sent(t *testing.T) (objects []string) {
	t.Helper()
	for _, body := range b.queues.Bodies(rescansURL) {
		m, err := upload.Decode([]byte(body))
		if err != nil || len(m.Jobs) != 1 || m.Jobs[0].Run != "run-1" {
			t.Fatalf("message %s: got %+v, %v, want one job of run-1", body, m, err)
		}
		objects = append(objects, m.Jobs[0].Object.Address())
	}
	slices.Sort(objects)
	return objects
}

func judged(tags ...string) s3fake.Object {
	o := s3fake.Object{Body: "six bytes at least", Tags: map[string]string{}}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		o.Tags[key] = value
	}
	return o
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	tiny := judged("scan-status=CLEAN")
	tiny.Body = "tiny"
	objects := map[string]s3fake.Object{
		"a none":       judged(),
		"b own":        judged("own=1"),
		"c forged":     judged("scan-status=FINE"),
		"d clean":      judged("scan-status=CLEAN", "scan-definitions=100"),
		"e old":        judged("scan-status=CLEAN", "scan-definitions=99"),
		"f unknown":    judged("scan-status=CLEAN"),
		"g no number":  judged("scan-status=CLEAN", "scan-definitions=x"),
		"h tiny":       tiny,
		"i too large":  judged("scan-status=UNSCANNABLE", "scan-detail=too-large"),
		"j encrypted":  judged("scan-status=UNSCANNABLE", "scan-detail=encrypted"),
		"k infected":   judged("scan-status=INFECTED", "scan-definitions=5"),
		"z/other path": judged(),
	}
	for name, test := range map[string]struct {
		request sweep.Request
		want    string // first letters of the keys
	}{
		"unjudged": {sweep.Request{Question: sweep.Unjudged}, "abcz"},
		"prefix":   {sweep.Request{Question: sweep.Unjudged, Prefix: "z/"}, "z"},
		"stale":    {sweep.Request{Question: sweep.Stale, Definitions: 100}, "efgjk"},
		"all":      {sweep.Request{Question: sweep.All}, "abcdefghijkz"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			for key, o := range objects {
				b.store.Add("held", key, o)
			}
			test.request.Bucket, test.request.Purpose = "held", sweep.Backfill
			sum := b.sweep(t, test.request)
			got := ""
			for _, address := range b.sent(t) {
				got += strings.TrimPrefix(address, "s3://held/")[:1]
			}
			if got != test.want || sum.Sent != int64(len(test.want)) || sum.Matched != sum.Sent {
				t.Errorf("sent %q, summary %+v, want %q", got, sum, test.want)
			}
			lines := strings.Count(b.body(t, "sweeps/run-1/objects/0001-0001.jsonl"), "\n")
			if lines != len(test.want) {
				t.Errorf("recorded %d objects, want %d", lines, len(test.want))
			}
		})
	}
}

// TestEveryPage holds a sweep over several pages of S3's list, two buckets, versions and delete markers.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	for page := 1; page < 9; page++ {
		for _, versions := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d a page, versions %t", page, versions), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.store.Page = page
				var want []string
				for i, key := range []string{"a", "a", "b c+d%", "ü", "ü", "ü", "z"} {
					o := b.store.Add("up", key, judged())
					current := i == 1 || i == 2 || i == 5 || i == 6
					if versions || current {
						want = append(want, job.Object{Bucket: "up", Key: key, VersionID: o.ID}.Address())
					}
				}
				b.store.Add("up", "deleted", s3fake.Object{Marker: true})
				b.store.Add("held", "k", judged())
				want = append(want, "s3://held/k")
				slices.Sort(want)
				sum := b.sweep(t, sweep.Request{Question: sweep.Unjudged, Versions: versions, Purpose: sweep.Rescan})
				if diff := cmp.Diff(want, b.sent(t)); diff != "" || !sum.Complete() {
					t.Errorf("summary %+v; sent (-want +got):\n%s", sum, diff)
				}
			})
		}
	}
}

// TestChangesMeanwhile: versions that come between the listing and the judging of a page push none out of it.
func TestChangesMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.Page = 3
	for i := range 9 {
		b.store.Add("up", fmt.Sprintf("k%d", i), judged())
	}
	begin := map[string]any{
		"action": "begin", "execution": "arn:x:run-1",
		"request": sweep.Request{Bucket: "up", Question: sweep.All, Purpose: sweep.Rescan},
	}
	s := call[sweep.State](t, b, map[string]any{"action": "list", "state": call[sweep.State](t, b, begin)})
	if s.Pages.Count != 3 || !s.Done {
		t.Fatalf("got %+v, want three pages", s)
	}
	for i := range 5 {
		b.store.Add("up", fmt.Sprintf("k1 new %d", i), judged())
	}
	gone := b.store.All("up", "k5")[0] // the end of the second page
	b.store.Remove("up", "k5", gone.ID)
	for line := range strings.Lines(b.body(t, s.Pages.Key)) {
		call[sweep.Counts](t, b, map[string]any{"action": "judge", "state": s, "page": json.RawMessage(line)})
	}
	sent := strings.Join(b.sent(t), " ")
	for i := range 9 {
		if want := 1; i != 5 && strings.Count(sent, fmt.Sprintf("/k%d?", i)) != want {
			t.Errorf("k%d: sent %d times, want %d: %s", i, strings.Count(sent, fmt.Sprintf("/k%d?", i)), want, sent)
		}
	}
}

func TestAgeAndOldest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.store.Add("up", "clean", judged("scan-status=CLEAN")) // a minute older than the next
	second := b.store.Add("up", "old", judged())
	b.store.Add("up", "young", judged())
	b.now = func() time.Time { return second.Modified.Add(15 * time.Minute) }
	sum := b.sweep(t, sweep.Request{
		Question: sweep.Unjudged, OlderThan: "15m", Versions: true, DryRun: true, Purpose: sweep.Reconcile,
	})
	want := sweep.Counts{Considered: 2, Matched: 1, MatchedBytes: 18, OldestUnjudged: second.Modified}
	if diff := cmp.Diff(want, sum.Counts); diff != "" || first.Modified.After(second.Modified) {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if sent := b.sent(t); len(sent) != 0 {
		t.Errorf("a dry run sent %q, want nothing", sent)
	}
	if line := b.metrics.String(); !strings.Contains(line, `"OldestUnscannedAge":900`) {
		t.Errorf("got the metrics %q, want an age of 900 s", line)
	}
	b.metrics.Reset()
	b.sweep(t, sweep.Request{Bucket: "up", Question: sweep.Unjudged, DryRun: true, Purpose: sweep.Reconcile})
	if b.metrics.Len() > 0 {
		t.Errorf("got the metrics %s for a part of the stack, want none", &b.metrics)
	}
}

func TestPagesThatFail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.Page = 2
	for i := range 6 {
		b.store.Add("up", fmt.Sprint("k", i), judged())
	}
	sum := b.sweep(t, sweep.Request{Bucket: "up", Question: sweep.All, DryRun: true, Purpose: sweep.Rescan}, 2)
	if sum.Pages != 2 || sum.FailedPages != 1 || sum.Considered != 4 || sum.Failure != "Boom: why" || sum.Complete() ||
		sum.Stopped {
		t.Errorf("got %+v, want two pages, and one that failed", sum)
	}
	want := []sweep.Page{{
		Number: 2, Bucket: "up", From: sweep.Marker{Key: "k1", VersionID: b.store.All("up", "k1")[0].ID},
		To: &sweep.Marker{Key: "k3", VersionID: b.store.All("up", "k3")[0].ID},
	}}
	if diff := cmp.Diff(want, sum.NotJudged); diff != "" {
		t.Errorf("pages that the summary names (-want +got):\n%s", diff)
	}
	if lines := b.body(t, sweep.NotJudgedKey("run-1", 1)); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, `"k3"`) {
		t.Errorf("the file of the pages that failed has %q, want the second page", lines)
	}
	if line := b.metrics.String(); !strings.Contains(line, `"SweepPagesFailed":1`) {
		t.Errorf("got the metrics %q, want one page that failed", line)
	}
}

// TestOnePageThatFails: the summary is written also when the only page of a sweep fails, and the sweep ends when no
// page of a round could be judged.
func TestOnePageThatFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.Add("up", "k", judged())
	sum := b.sweep(t, sweep.Request{Question: sweep.All, Purpose: sweep.Rescan}, 1)
	if sum.Pages != 0 || sum.FailedPages != 1 || len(sum.NotJudged) != 1 || sum.Stopped || sum.Complete() {
		t.Errorf("got %+v, want a summary that names the page", sum)
	}
	s := sweep.State{
		Pages: sweep.File{Count: 1, Key: sweep.PagesKey("run-1", 1)}, Run: "run-1", Round: 1, Map: &sweep.MapRun{},
	}
	s.Map.ResultWriterDetails.Key = "sweeps/run-1/results/manifest.json"
	if s = call[sweep.State](t, b, map[string]any{"action": "count", "state": s}); !s.Done || !s.Summary.Stopped {
		t.Errorf("after a round of which no page was judged, before the last one: got %+v, want the end", s)
	}
}

// TestTagsThatCannotBeRead: a version that is gone is no match, one that a policy hides is named, and any other error
// fails the page, which is judged again.
func TestTagsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want sweep.Counts
		says string // of the error
	}{
		"gone":    {s3fake.Err("GetObjectTagging", 404, "NoSuchVersion", ""), sweep.Counts{Considered: 1, Matched: 1, MatchedBytes: 18, Sent: 1, Vanished: 1, OldestUnjudged: s3fake.Epoch}, ""},
		"refused": {s3fake.Err("GetObjectTagging", 403, "AccessDenied", "no"), sweep.Counts{Considered: 2, Matched: 1, MatchedBytes: 18, Sent: 1, Refused: 1, OldestUnjudged: s3fake.Epoch}, ""},
		"slow":    {s3fake.Err("GetObjectTagging", 503, "SlowDown", ""), sweep.Counts{}, "SlowDown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.store.Add("held", "a", judged())
			b.store.Add("held", "b", judged())
			b.s3 = failing{b.store, test.err}
			state := sweep.State{
				Request: sweep.Request{Question: sweep.Unjudged}, Run: "run-1", Round: 1, Before: b.now(),
			}
			got, err := b.judge(t.Context(), state, sweep.Page{Number: 1, Bucket: "held"})
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) || !errors.Is(err, job.ErrTransient) {
					t.Errorf("got %v, want a transient error with %q", err, test.says)
				}
				return
			}
			if diff := cmp.Diff(test.want, got.Counts); diff != "" || err != nil {
				t.Errorf("%v; counts (-want +got):\n%s", err, diff)
			}
			recorded := b.body(t, "sweeps/run-1/objects/0001-0001.jsonl")
			if strings.Contains(recorded, "AccessDenied") != (name == "refused") {
				t.Errorf("recorded %s", recorded)
			}
		})
	}
}

// failing is an S3 that does not read the tags of b.
type failing struct {
	*s3fake.S3
	err error
}

func (f failing) GetObjectTagging(
	ctx context.Context, in *s3.GetObjectTaggingInput, o ...func(*s3.Options),
) (*s3.GetObjectTaggingOutput, error) {
	if aws.ToString(in.Key) == "b" {
		return nil, f.err
	}
	return f.S3.GetObjectTagging(ctx, in, o...)
}

func TestQueueThatRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.Add("held", "a", judged())
	b.sqs = &sqsfake.Client{Queues: b.queues, Before: func(string) error { return errors.New("no route to host") }}
	state := sweep.State{Request: sweep.Request{Question: sweep.All}, Run: "run-1", Round: 1, Before: b.now()}
	if _, err := b.judge(t.Context(), state, sweep.Page{Number: 1, Bucket: "held"}); err == nil {
		t.Error("got no error, want the queue's")
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for text, says := range map[string]string{
		`{}`:                 `action "" without what it is about`,
		`{"action":"begin"}`: `action "begin" without`,
		`{"action":"begin","execution":"x","request":{"question":"unjudged","purpose":"backfill","bucket":"other"}}`: "not one of those that the stack scans: up, held",
		`{"action":"begin","execution":"x","request":{"question":"some","purpose":"backfill"}}`:                      `question "some"`,
		`{"action":"sing","state":{}}`:  "want begin, list, judge, count or report",
		`{"action":"count","state":{}}`: "it has no results",
	} {
		var r request
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if _, err := b.handle(t.Context(), r); !errors.Is(err, job.ErrBadJob) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want a bad job with %q", text, err, says)
		}
	}
}

func TestSampleEvents(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../events/sweep-*.json")
	if err != nil || len(samples) != 2 {
		t.Fatalf("find the sample events: got %q, %v, want two", samples, err)
	}
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t)
		b.store.Make("samples", false)
		b.store.Add("samples", "clean.txt", judged())
		b.now = time.Now
		var r request
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		got, err := b.handle(t.Context(), r)
		if want := map[string]string{"begin": `"run":"sample"`, "judge": `"matched":1`}[r.Action]; err != nil ||
			!strings.Contains(string(got), want) {
			t.Errorf("%s: got %s, %v, want %s", sample, got, err, want)
		}
	}
}

// TestReportOfAnIncompleteSweep: versions that were not looked at may be the oldest ones without a verdict, so that a
// sweep that saw none without a verdict must not end the alarm.
func TestReportOfAnIncompleteSweep(t *testing.T) {
	t.Parallel()
	for _, counts := range []sweep.Summary{{FailedPages: 1}, {Counts: sweep.Counts{Refused: 1}}} {
		var written bytes.Buffer
		h := handler{metrics: metric.New(&written, "stack"), now: time.Now}
		s := sweep.State{Request: sweep.Request{Purpose: sweep.Reconcile}, Summary: counts}
		if _, err := h.report(t.Context(), s); err != nil ||
			strings.Contains(written.String(), metric.OldestUnscannedAge) {
			t.Errorf("report = %v, metric %q, want none about the oldest version", err, written.String())
		}
	}
}
