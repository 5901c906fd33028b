package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// announced is what a subscriber reads of an announcement.
type announced struct {
	ID, Disposition string
	Object          job.Object
	Scan            job.Scan
	Copy            *job.Copy
}

// line is an announcement as the tests compare them.
func (a announced) line() string {
	return fmt.Sprintf("%s %s %s", a.Object.Key, a.Scan.Verdict, a.Disposition)
}

// Every verdict that the parameters ask for reaches the topic's subscribers and
// the rules on the bus, once, and no other does.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	locked := unscannable(t)
	infected := eicar.Bytes()
	uploads := map[string][]byte{
		"clean": sample.Text("c"), "infected": infected, "infected ten": infected, "unscannable": locked, "limit": sample.Text("l"),
	}
	for _, test := range []struct {
		parameters string
		want       []string
	}{
		{"BucketLayout=two-bucket", []string{"infected INFECTED quarantined", "infected ten INFECTED quarantined", "unscannable UNSCANNABLE kept"}},
		{"AnnounceClean=true QuarantineUnscannable=true", []string{
			"clean CLEAN kept", "infected INFECTED quarantined", "infected ten INFECTED quarantined", "unscannable UNSCANNABLE quarantined",
		}},
		{"AnnounceClean=true BucketLayout=three-bucket", []string{
			"clean CLEAN promoted", "infected INFECTED quarantined", "infected ten INFECTED quarantined", "unscannable UNSCANNABLE kept",
		}},
	} {
		t.Run(test.parameters, func(t *testing.T) {
			t.Parallel()
			m := Start(t, "--parameter-overrides", test.parameters)
			m.listen(t)
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

// listen subscribes one queue to the topic, and lets a rule fill another.
func (m *Machine) listen(t *testing.T) {
	t.Helper()
	if _, err := m.SNS.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(Verdicts), Protocol: aws.String("sqs"), Endpoint: aws.String(m.NewQueue(t, "by-topic")),
	}); err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	if _, err := m.EventBridge.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("seen"), EventPattern: aws.String(`{"source":["lazaret"],"detail-type":["Object Scanned"],"detail":{"scan":{"verdict":["CLEAN","INFECTED","UNSCANNABLE"]}}}`),
	}); err != nil {
		t.Fatalf("put rule: %v", err)
	}
	if _, err := m.EventBridge.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("seen"), Targets: []buses.Target{{Id: aws.String("queue"), Arn: aws.String(m.NewQueue(t, "by-rule"))}},
	}); err != nil {
		t.Fatalf("put targets: %v", err)
	}
}

// fromTopic reads the SNS envelopes that came, with the attributes that
// subscription filters would match on.
func (m *Machine) fromTopic(t *testing.T) (lines []string) {
	t.Helper()
	for _, body := range m.Bodies(t, "by-topic") {
		var envelope struct {
			Type, TopicArn, Subject, Message string
			MessageAttributes                map[string]struct{ Type, Value string }
		}
		var a announced
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
		want := map[string]string{"verdict": string(a.Scan.Verdict), "bucket": a.Object.Bucket}
		if diff := cmp.Diff(want, attributes); diff != "" || envelope.Type != "Notification" || envelope.TopicArn != Verdicts || envelope.Subject == "" {
			t.Errorf("envelope %+v, attributes (-want +got):\n%s", envelope, diff)
		}
		lines = append(lines, m.checked(t, a))
	}
	slices.Sort(lines)
	return lines
}

func (m *Machine) fromRule(t *testing.T) (lines []string) {
	t.Helper()
	for _, body := range m.Bodies(t, "by-rule") {
		var event struct {
			Source, Account, Region string
			Kind                    string `json:"detail-type"`
			Resources               []string
			Detail                  announced
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			t.Fatalf("read %s: %v", body, err)
		}
		if event.Source != "lazaret" || event.Kind != "Object Scanned" || event.Account != "000000000000" || event.Region != "us-east-1" ||
			!slices.Equal(event.Resources, []string{"arn:aws:s3:::" + Uploads}) {
			t.Errorf("event %+v", event)
		}
		lines = append(lines, m.checked(t, event.Detail))
	}
	slices.Sort(lines)
	return lines
}

// checked compares an announcement with what is in the buckets.
func (m *Machine) checked(t *testing.T, a announced) string {
	t.Helper()
	left := slices.Contains(m.Versions(t, Uploads, a.Object.Key), a.Object.VersionID)
	if left != (a.Disposition == "kept") || left != (a.Copy == nil) {
		t.Errorf("%+v, and the upload is there: %v", a, left)
	}
	if a.Copy != nil && !slices.Contains(m.Versions(t, a.Copy.Bucket, a.Copy.Key), a.Copy.VersionID) {
		t.Errorf("%+v, and no copy is there", a)
	}
	if a.ID != (job.Job{Object: a.Object}).ExecutionName() {
		t.Errorf("announcement %q is not named like its execution", a.ID)
	}
	return a.line()
}
