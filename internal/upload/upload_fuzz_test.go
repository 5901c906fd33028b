package upload_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// FuzzDecode checks that each record and each object of a list becomes a job, a reason to ignore it,
// or an error, and that a job is the same after it was encoded as JSON.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"s3.json", "s3-several.json", "s3-test-event.json", "s3-folder.json", "eventbridge.json", "dead-letter.json",
		"died.json", "list.json",
	} {
		f.Add(fixture(f, name))
		f.Add(inSNS(f, fixture(f, name)))
	}
	f.Add([]byte(`{"objects":[]}`))
	f.Add([]byte(`{"Records":null}`))
	f.Add(
		[]byte(
			`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%ff","eTag":"e"}}}]}`,
		),
	)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := upload.Decode(body)
		if err != nil {
			if !errors.Is(err, upload.ErrUnknown) || len(m.Jobs)+len(m.Ignored) != 0 || m.EndedExecution != "" {
				t.Fatalf("Decode() = %+v, %v, want an ErrUnknown", m, err)
			}
			return
		}
		if got, want := len(m.Jobs)+len(m.Ignored), announced(body); got == 0 || want > 0 && got != want {
			t.Fatalf("%d of %d objects were understood or ignored", got, want)
		}
		for _, j := range m.Jobs {
			if err := j.Validate(); err != nil {
				t.Fatalf("Decode gave a job that is none: %v, want a valid job", err)
			}
			text, err := json.Marshal(j)
			if err != nil {
				t.Fatalf("a job that cannot be written: %v, want one that can be encoded", err)
			}
			var back job.Job
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatalf("a job that cannot be read: %v, want one that can be decoded", err)
			}
			if diff := cmp.Diff(j, back); diff != "" {
				t.Fatalf("job after encoding and decoding (-want +got):\n%s", diff)
			}
		}
	})
}

// announced returns how many objects a message names, 0 if that is not known.
func announced(body []byte) int {
	var e struct {
		Type    string
		Message *string
		Event   string
		Records []json.RawMessage
		Objects []json.RawMessage `json:"objects"`
	}
	for range 2 {
		if err := json.Unmarshal(body, &e); err != nil {
			return 0
		}
		if e.Type != "Notification" || e.Message == nil {
			break
		}
		body = []byte(*e.Message)
		e.Type, e.Message = "", nil
	}
	switch {
	case e.Event == "s3:TestEvent":
		return 0
	case e.Records != nil:
		return len(e.Records)
	}
	return len(e.Objects)
}

// FuzzKey checks that a key is decoded correctly from each kind of message.
func FuzzKey(f *testing.F) {
	f.Add("año 1/a+b&c.txt", "v1", "e", int64(3))
	f.Add("a%2Fb%zz", "null", "e", int64(0))
	f.Add("folder/", "", "e", int64(0))
	f.Add("\x00\r\n\u2028<>\"\\", "", "e-2", int64(1))
	f.Add("../../etc/passwd", "v", "", int64(5<<40))
	f.Fuzz(func(t *testing.T, key, version, etag string, size int64) {
		for _, s := range []string{key, version, etag} {
			if !utf8.ValidString(s) { // S3 has no such keys, and JSON cannot express them
				return
			}
		}
		o := job.Object{Bucket: "b", Key: key, VersionID: version, ETag: etag, Size: size}
		// S3 encodes a space as +, and does not encode slashes.
		encoded := strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
		bodies := map[string]any{
			"S3": map[string]any{"Records": []any{map[string]any{"eventName": "ObjectCreated:Put", "s3": map[string]any{
				"bucket": map[string]any{
					"name": "b",
				}, "object": map[string]any{"key": encoded, "versionId": version, "eTag": etag, "size": size},
			}}}},
			"EventBridge": map[string]any{"detail-type": "Object Created", "detail": map[string]any{
				"bucket": map[string]any{
					"name": "b",
				}, "object": map[string]any{"key": key, "version-id": version, "etag": etag, "size": size},
			}},
			"list":        upload.List{Objects: []upload.Listed{{Object: o}}},
			"dead letter": upload.DeadLetter{Job: job.Job{Version: job.Version, Object: o, Attempt: -1}},
		}
		valid := job.Job{Version: job.Version, Object: o}.Validate() == nil
		for name, body := range bodies {
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{text, inSNS(t, text)} {
				m, err := upload.Decode(text)
				switch {
				case !valid:
					if !errors.Is(err, upload.ErrUnknown) {
						t.Errorf("%s: Decode(%s) = %+v, %v, want ErrUnknown", name, text, m, err)
					}
				case err != nil:
					t.Errorf("%s: Decode(%s): %v, want one job", name, text, err)
				case len(m.Jobs) != 1 || m.Jobs[0].Object != o || m.Jobs[0].Attempt != 0:
					t.Errorf("%s: Decode(%s) = %+v, want the object %+v", name, text, m, o)
				}
			}
		}
	})
}
