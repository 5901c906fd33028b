package machine

import (
	"encoding/json"
	"fmt"
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
	"github.com/lazaret/lazaret/local/sample"
)

// TestQueue puts everything into the uploads queue that may come there, in mixed
// batches. What is no upload reaches the dead-letter queue by itself, as it is;
// what is one is scanned, also when dispatch dies over it. A message is hidden
// for 2 seconds instead of 180, so that five receives are soon over.
func TestQueue(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, "--time-scale", "200", "--template", Altered(t, "VisibilityTimeout: 180", "VisibilityTimeout: 2  "))
	held := p.Hold(t, "events-held-back")
	const odd = "odd key+100% ñ.txt"
	want := map[job.Object]end{}
	put := func(key string, content []byte, e end) job.Object {
		o := p.Put(t, key, content, held)
		want[o] = e
		return o
	}
	infected, harmless := eicar.Bytes(), sample.Text("fine")
	notification := func(objects ...job.Object) string { return text(t, Notification(objects...)) }
	wrap := func(message string) string {
		return text(t, map[string]any{"Type": "Notification", "MessageId": "m", "TopicArn": Verdicts, "Message": message})
	}
	good := []string{
		notification(put("plain", infected, endQuarantined)),
		notification(put("first of two", harmless, endClean), put("second of two", infected, endQuarantined)),
		wrap(notification(put("through SNS", infected, endQuarantined))),
		bridge(t, put(odd, infected, endQuarantined)),
		wrap(bridge(t, put("through EventBridge and SNS", harmless, endClean))),
		`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"b","RequestId":"r","HostId":"h"}`,
		wrap(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`),
		strings.ReplaceAll(notification(put("as MinIO and Ceph name it", harmless, endClean)), "ObjectCreated:", "s3:ObjectCreated:"),
	}
	whole := notification(job.Object{Bucket: Uploads, Key: "k", VersionID: "v"})
	bad := []string{
		"garbage", "{}", "[]", "null", `""`, "0", `{"Records":[]}`, `{"Records":[{}]}`, `{"Records":[null]}`,
		whole[:len(whole)/2], strings.ReplaceAll(whole, "ObjectCreated:", "ObjectCreate:"),
		`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"versionId":"v"}}}]}`,
		`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{},"object":{"key":"k","versionId":"v"}}}]}`,
		`{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"}}}`,
		`{"job":{"version":1}}`, `{"job":"not a job"}`,
		wrap("garbage"), wrap(wrap(whole)),
		text(t, map[string]any{"run": "r1", "objects": []any{}}), // a list of nothing is half of one
	}
	for name, after := range map[string]bool{"dispatch killed before": false, "dispatch killed after": true} {
		good = append(good, notification(put(name, infected, endQuarantined)))
		p.on("dispatch StartExecution", name, p.kill(t, 1, after))
	}
	p.sendAll(t, slices.Concat(good, bad))
	for o := range want {
		p.Await(t, o)
	}
	Poll(t, "the dead letters", func() bool { return p.Depth(t, DeadQueue) >= len(bad) && p.Depth(t, UploadQueue) == 0 })
	left := p.Bodies(t, DeadQueue)
	slices.Sort(left)
	// A batch whose dispatch was killed comes again, and with it the letters that were sent by then.
	left = slices.Compact(left)
	slices.Sort(bad)
	if diff := cmp.Diff(bad, left); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	p.checkEnds(t, want)
	if names := p.executions(t, ""); len(names) != len(want) {
		t.Errorf("%d executions %q for %d objects", len(names), names, len(want))
	}
}

// bridge is the event that a bucket sends through EventBridge, whose keys are
// not URL-encoded.
func bridge(t testing.TB, o job.Object) string {
	t.Helper()
	return text(t, map[string]any{
		"version": "0", "source": "aws.s3", "detail-type": "Object Created", "account": "000000000000", "region": "us-east-1",
		"resources": []string{"arn:aws:s3:::" + o.Bucket},
		"detail": map[string]any{
			"version": "0", "bucket": map[string]any{"name": o.Bucket}, "reason": "PutObject",
			"object": map[string]any{"key": o.Key, "size": o.Size, "etag": o.ETag, "version-id": o.VersionID, "sequencer": "01"},
		},
	})
}

func text(t testing.TB, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// sendAll sends messages ten at a time, so that they are received together, good
// ones beside bad ones.
func (m *Machine) sendAll(t testing.TB, bodies []string) {
	t.Helper()
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for some := range slices.Chunk(bodies, 10) {
		var batch []types.SendMessageBatchRequestEntry
		for i, body := range some {
			batch = append(batch, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body})
		}
		out, err := m.SQS.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(m.QueueURL(UploadQueue)), Entries: batch})
		if err != nil || len(out.Failed) > 0 {
			t.Fatal(fmt.Errorf("send a batch: %w, %v", err, out))
		}
	}
}
