package endtoend

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestQueue sends every kind of message to both queues of dispatch, in mixed order. Messages that are no uploads become
// dead letters unchanged at their first receipt. Uploads are scanned, in both lanes.
func TestQueue(t *testing.T) {
	eachLane(t, func(t *testing.T, workflow string) {
		for _, queue := range []string{harness.UploadQueue, harness.RescanQueue} {
			t.Run(queue, func(t *testing.T) {
				t.Parallel()
				testQueue(t, queue, workflow)
			})
		}
	})
}

func testQueue(t *testing.T, queue, workflow string) {
	p := start(t, "--time-scale", "200", "--parameter-overrides", workflow)
	held := p.SilentBucket(t, "events-held-back")
	const odd = "odd key+100% ñ.txt"
	want := map[job.Object]end{}
	put := func(key string, content []byte, e end) job.Object {
		o := p.Put(t, key, content, held)
		want[o] = e
		return o
	}
	infected, harmless := eicar.Bytes(), sample.Text("fine")
	notification := func(objects ...job.Object) string { return toJSON(t, harness.S3Event(objects...)) }
	wrap := func(message string) string {
		return toJSON(
			t,
			map[string]any{"Type": "Notification", "MessageId": "m", "TopicArn": harness.Verdicts, "Message": message},
		)
	}
	good := []string{
		notification(put("plain", infected, endQuarantined)),
		notification(put("first of two", harmless, endClean), put("second of two", infected, endQuarantined)),
		wrap(notification(put("through SNS", infected, endQuarantined))),
		eventBridgeEvent(t, put(odd, infected, endQuarantined)),
		wrap(eventBridgeEvent(t, put("through EventBridge and SNS", harmless, endClean))),
		`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"b","RequestId":"r","HostId":"h"}`,
		wrap(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`),
		strings.ReplaceAll(
			notification(put("as MinIO and Ceph name it", harmless, endClean)),
			"ObjectCreated:",
			"s3:ObjectCreated:",
		),
	}
	whole := notification(job.Object{Bucket: harness.Uploads, Key: "k", VersionID: "v"})
	bad := []string{
		"garbage", "{}", "[]", "null", `""`, "0", `{"Records":[]}`, `{"Records":[{}]}`, `{"Records":[null]}`,
		whole[:len(whole)/2], strings.ReplaceAll(whole, "ObjectCreated:", "ObjectCreate:"),
		`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"versionId":"v"}}}]}`,
		`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{},"object":{"key":"k","versionId":"v"}}}]}`,
		`{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"}}}`,
		`{"job":{"version":1}}`, `{"job":"not a job"}`,
		wrap("garbage"), wrap(wrap(whole)),
		toJSON(t, map[string]any{"run": "r1", "objects": []any{}}), // a list of nothing is half of one
	}
	p.sendAll(t, queue, slices.Concat(good, bad))
	for o := range want {
		p.Await(t, o)
	}
	harness.Poll(t, "the dead letters", func() bool {
		return p.Depth(t, harness.DeadLetterQueue) >= len(bad) && p.Depth(t, queue) == 0
	})
	left := p.Bodies(t, harness.DeadLetterQueue)
	slices.Sort(left)
	slices.Sort(bad)
	if diff := cmp.Diff(bad, left); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	p.AwaitIdle(t)
	p.checkEnds(t, want)
	if names := p.executions(t, ""); len(names) != len(want) {
		t.Errorf("got %d executions %q, want %d", len(names), names, len(want))
	}
}

// eventBridgeEvent returns the event that a bucket sends through EventBridge. Its keys are not URL-encoded.
func eventBridgeEvent(t testing.TB, o job.Object) string {
	t.Helper()
	return toJSON(t, map[string]any{
		"version":     "0",
		"source":      "aws.s3",
		"detail-type": "Object Created",
		"account":     "000000000000",
		"region":      "us-east-1",
		"resources":   []string{"arn:aws:s3:::" + o.Bucket},
		"detail": map[string]any{
			"version": "0",
			"bucket":  map[string]any{"name": o.Bucket},
			"reason":  "PutObject",
			"object": map[string]any{
				"key":        o.Key,
				"size":       o.Size,
				"etag":       o.ETag,
				"version-id": o.VersionID,
				"sequencer":  "01",
			},
		},
	})
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// sendAll sends messages in batches of ten and in random order.
func (m *machine) sendAll(t testing.TB, queue string, bodies []string) {
	t.Helper()
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for some := range slices.Chunk(bodies, 10) {
		var batch []types.SendMessageBatchRequestEntry
		for i, body := range some {
			batch = append(
				batch,
				types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body},
			)
		}
		out, err := m.SQS.SendMessageBatch(
			t.Context(),
			&sqs.SendMessageBatchInput{QueueUrl: aws.String(m.QueueURL(queue)), Entries: batch},
		)
		if err != nil || len(out.Failed) > 0 {
			t.Fatalf("send a batch: %v, %v", err, out)
		}
	}
}
