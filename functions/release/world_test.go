package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/move"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

const (
	uploads, quarantine, records, clean = "uploads", "quarantine", "records", "clean"

	key       = "in/año 1+1?.pdf"
	body      = "these bytes are harmless"
	signature = "Win.Test.Wrong-1"
	by        = "arn:aws:iam::111122223333:user/anna"
)

// fakeTopic and fakeBus keep what was announced; fail is called before.
type (
	fakeTopic struct {
		fail     func() error
		messages []string
	}
	fakeBus struct {
		fail    func() error
		details []string
	}
)

func (f *fakeTopic) Publish(
	_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options),
) (*sns.PublishOutput, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	if len(*in.Subject) > 99 {
		return nil, errors.New("the subject is too long")
	}
	f.messages = append(f.messages, *in.Subject+"\n"+*in.Message)
	return &sns.PublishOutput{}, nil
}

func (f *fakeBus) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	for _, e := range in.Entries {
		f.details = append(f.details, *e.DetailType+" "+*e.Detail)
	}
	return &eventbridge.PutEventsOutput{}, nil
}

// world is a stack with one object in quarantine.
type world struct {
	*s3fake.S3
	handler
	topic   fakeTopic
	bus     fakeBus
	request decision.Request // that releases the object
	sha256  string
	job     job.Job // the record beside the copy
	clock   time.Time
}

// newWorld returns a world whose uploads bucket has versions or has none. The original was written at minute 0, and
// everything later is newer.
func newWorld(t *testing.T, versioned bool) *world {
	t.Helper()
	w := &world{S3: s3fake.New(), clock: time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC)}
	w.Make(uploads, versioned)
	w.Make(quarantine, true)
	w.Make(records, true)
	w.Make(clean, true)
	none := func() error { return nil }
	w.topic.fail, w.bus.fail = none, none
	w.handler = handler{
		s3: w.S3, move: move.New(w.S3), sns: &w.topic, events: &w.bus, uploads: uploads, quarantine: quarantine,
		records: records, topic: "arn:topic", bus: "default", now: func() time.Time { return w.clock },
	}
	w.request = w.quarantined(t, key, body, signature)
	w.sha256 = w.job.Scan.SHA256
	return w
}

// quarantined puts an object into quarantine as function quarantine does, and returns the request that releases it.
func (w *world) quarantined(t *testing.T, key, body, signature string) decision.Request {
	t.Helper()
	original := w.Add(uploads, key, s3fake.Object{Body: body})
	w.Remove(uploads, key, "v1")
	if w.Current(uploads)[key].Body == body {
		w.Remove(uploads, key, w.Current(uploads)[key].ID)
	}
	sum := sha256.Sum256([]byte(body))
	w.job = job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: uploads, Key: key, VersionID: original.ID, ETag: strings.Trim(original.ETag(), `"`),
			Size: int64(len(body)), Sequencer: "0A",
		},
		Scan: &job.Scan{
			Verdict: job.Infected, Signature: signature, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)),
			Time: original.Modified,
		},
	}
	at := w.job.Object.QuarantineKey()
	copied := w.Add(quarantine, at, s3fake.Object{
		Body: body, SHA256: true, ContentType: "application/pdf", CacheControl: "no-store", Expires: "0",
		ContentDisposition: `attachment; filename="a.pdf"`, ContentLanguage: "de", ContentEncoding: "gzip", Redirect: "/x",
		Metadata: map[string]string{
			"owner": "anna", "lazaret-verdict": "INFECTED " + signature, "lazaret-sha256": w.job.Scan.SHA256,
			move.KeyModified: original.Modified.Format(time.RFC3339),
		},
		Tags: map[string]string{"project": "x y", "scan-status": "INFECTED", "scan-detail": signature, "scan-time": "t"},
	})
	w.store(t, quarantine, at+".json", w.job)
	return decision.Request{Bucket: quarantine, Key: at, VersionID: copied.ID, Reason: "a false positive", By: by}
}

// store stores a document.
func (w *world) store(t *testing.T, bucket, key string, v any) {
	t.Helper()
	text, err := decision.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	w.Add(bucket, key, s3fake.Object{Body: string(text)})
}

// must carries out a request that succeeds.
func (w *world) must(t *testing.T, in decision.Request) decision.Answer {
	t.Helper()
	out, err := w.handle(t.Context(), in)
	if err != nil {
		t.Fatalf("%+v: %v", in, err)
	}
	return out
}

// keys returns the keys of the current objects in the records bucket below a prefix, sorted by nothing.
func (w *world) keys(prefix string) (all []string) {
	for key := range maps.Keys(w.Current(records)) {
		if strings.HasPrefix(key, prefix) {
			all = append(all, key)
		}
	}
	return all
}
