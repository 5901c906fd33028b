package endtoend

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// announcement is what a subscriber reads of an announcement.
type announcement struct {
	ID, Disposition string
	Object          job.Object
	Scan            job.Scan
	Copy            *job.Copy
}

// text returns the key, the verdict and the disposition.
func (a announcement) text() string {
	return fmt.Sprintf("%s %s %s", a.Object.Key, a.Scan.Verdict, a.Disposition)
}

// TestAnnouncements checks that the topic's subscribers and the rules on the bus get one announcement of each verdict
// that the parameters select, and no other.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	locked := encryptedZip(t)
	infected := eicar.Bytes()
	uploads := map[string][]byte{
		"clean":        sample.Text("c"),
		"infected":     infected,
		"infected ten": infected,
		"unscannable":  locked,
		"limit":        sample.Text("l"),
	}
	for _, test := range []struct {
		parameters string
		want       []string
	}{
		{
			"BucketLayout=two-bucket",
			[]string{"infected INFECTED quarantined", "infected ten INFECTED quarantined", "unscannable UNSCANNABLE kept"},
		},
		{"AnnounceClean=true QuarantineUnscannable=true", []string{
			"clean CLEAN kept", "infected INFECTED quarantined", "infected ten INFECTED quarantined",
			"unscannable UNSCANNABLE quarantined",
		}},
		{"AnnounceClean=true BucketLayout=three-bucket", []string{
			"clean CLEAN promoted", "infected INFECTED quarantined", "infected ten INFECTED quarantined",
			"unscannable UNSCANNABLE kept",
		}},
	} {
		t.Run(test.parameters, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--parameter-overrides", test.parameters)
			m.subscribe(t)
			objects := map[string]job.Object{}
			for key, content := range uploads {
				objects[key] = m.Put(t, key, content, ownTags(map[string]int{"infected ten": 10, "limit": 10}[key]))
			}
			for _, o := range objects {
				m.Await(t, o)
			}
			for queue, lines := range map[string][]string{"by-topic": m.fromTopic(t), "by-rule": m.fromRule(t)} {
				if diff := cmp.Diff(test.want, lines); diff != "" {
					t.Errorf("%s (-want +got):\n%s", queue, diff)
				}
			}
		})
	}
}

// subscribe subscribes one queue to the topic, and makes a rule of the bus the sender to another queue.
func (m *machine) subscribe(t *testing.T) {
	t.Helper()
	if _, err := m.SNS.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(harness.Verdicts),
		Protocol: aws.String("sqs"),
		Endpoint: aws.String(m.NewQueue(t, "by-topic")),
	}); err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	if _, err := m.EventBridge.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("seen"),
		EventPattern: aws.String(
			`{"source":["lazaret"],"detail-type":["Object Scanned"],"detail":{"scan":{"verdict":["CLEAN","INFECTED","UNSCANNABLE"]}}}`,
		),
	}); err != nil {
		t.Fatalf("put rule: %v", err)
	}
	if _, err := m.EventBridge.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule:    aws.String("seen"),
		Targets: []buses.Target{{Id: aws.String("queue"), Arn: aws.String(m.NewQueue(t, "by-rule"))}},
	}); err != nil {
		t.Fatalf("put targets: %v", err)
	}
}

// fromTopic reads the announcements in the first queue: SNS envelopes with the attributes on which subscriptions
// filter.
func (m *machine) fromTopic(t *testing.T) (lines []string) {
	t.Helper()
	for _, body := range m.Bodies(t, "by-topic") {
		var envelope struct {
			Type, TopicArn, Subject, Message string
			MessageAttributes                map[string]struct{ Type, Value string }
		}
		var a announcement
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			t.Fatalf("read %s: %v", body, err)
		}
		if err := json.Unmarshal([]byte(envelope.Message), &a); err != nil {
			t.Fatalf("read %s: %v", envelope.Message, err)
		}
		attributes := maps.Collect(func(yield func(string, string) bool) {
			for k, v := range envelope.MessageAttributes {
				yield(k, v.Value)
			}
		})
		want := map[string]string{
			"verdict": string(a.Scan.Verdict), "bucket": a.Object.Bucket, "disposition": a.Disposition,
			"signature": a.Scan.Signature, "reason": string(a.Scan.Reason),
		}
		maps.DeleteFunc(want, func(_, value string) bool { return value == "" })
		diff := cmp.Diff(want, attributes)
		if diff != "" || envelope.Type != "Notification" || envelope.TopicArn != harness.Verdicts ||
			envelope.Subject == "" {
			t.Errorf("envelope %+v, attributes (-want +got):\n%s", envelope, diff)
		}
		lines = append(lines, m.checked(t, a))
	}
	slices.Sort(lines)
	return lines
}

// fromRule reads the announcements in the second queue: events.
func (m *machine) fromRule(t *testing.T) (lines []string) {
	t.Helper()
	for _, body := range m.Bodies(t, "by-rule") {
		var event struct {
			Source, Account, Region string
			Kind                    string `json:"detail-type"`
			Resources               []string
			Detail                  announcement
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			t.Fatalf("read %s: %v", body, err)
		}
		if event.Source != "lazaret" || event.Kind != "Object Scanned" || event.Account != "000000000000" ||
			event.Region != "us-east-1" ||
			!slices.Equal(event.Resources, []string{"arn:aws:s3:::" + harness.Uploads}) {
			t.Errorf("got event %+v, want source lazaret, type Object Scanned, this account, region and bucket", event)
		}
		lines = append(lines, m.checked(t, event.Detail))
	}
	slices.Sort(lines)
	return lines
}

// checked compares an announcement with the objects in the buckets and returns its text.
func (m *machine) checked(t *testing.T, a announcement) string {
	t.Helper()
	left := slices.Contains(m.Versions(t, harness.Uploads, a.Object.Key), a.Object.VersionID)
	if left != (a.Disposition == "kept") || left != (a.Copy == nil) {
		t.Errorf("got %+v with the original there: %v, want it there and no copy only if it was kept", a, left)
	}
	if a.Copy != nil && !slices.Contains(m.Versions(t, a.Copy.Bucket, a.Copy.Key), a.Copy.VersionID) {
		t.Errorf("got %+v, want its copy in the bucket", a)
	}
	if a.ID != (job.Job{Object: a.Object}).ExecutionName() {
		t.Errorf("got the announcement id %q, want %q", a.ID, (job.Job{Object: a.Object}).ExecutionName())
	}
	return a.text()
}
