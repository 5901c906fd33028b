package sns_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/sns"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

const (
	verdicts = "arn:aws:sns:us-east-1:000000000000:lazaret-verdicts"
	alerts   = "arn:aws:sns:us-east-1:000000000000:lazaret-alerts"
	queue    = "arn:aws:sqs:us-east-1:000000000000:mine"
)

// inbox is what was delivered, by queue.
type inbox map[string][]string

func (b inbox) deliver(_ *bbolt.Tx, queueARN, body string) error {
	if strings.HasSuffix(queueARN, ":broken") {
		return errors.New("no such queue")
	}
	b[queueARN] = append(b[queueARN], body)
	return nil
}

func start(t *testing.T) (*store.Store, *api.Client, inbox) {
	t.Helper()
	got := make(inbox)
	kept, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	s, err := sns.New(
		kept,
		[]template.Topic{{Name: "lazaret-verdicts", ARN: verdicts}, {Name: "lazaret-alerts", ARN: alerts}},
		got.deliver,
	)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return kept, api.New(api.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("test", "test", ""),
		RetryMaxAttempts: 1,
	}), got
}

// direct is a client without a network.
type direct struct{ http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func subscribe(t *testing.T, client *api.Client, topic, queue string) string {
	t.Helper()
	out, err := client.Subscribe(
		t.Context(),
		&api.SubscribeInput{TopicArn: aws.String(topic), Protocol: aws.String("sqs"), Endpoint: aws.String(queue)},
	)
	if err != nil {
		t.Fatalf("subscribe %s to %s: %v", queue, topic, err)
	}
	return *out.SubscriptionArn
}

// TestPublishByProtocol: a queue gets the text for queues, or else the default, and never that for mail.
func TestPublishByProtocol(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		`{"default":"d","email":"e"}`:           "d",
		`{"default":"d","email":"e","sqs":"s"}`: "s",
	} {
		_, client, got := start(t)
		subscribe(t, client, verdicts, queue)
		_, err := client.Publish(t.Context(), &api.PublishInput{
			TopicArn: aws.String(verdicts), Message: aws.String(message), MessageStructure: aws.String("json"),
		})
		if err != nil {
			t.Fatal(err)
		}
		var envelope struct{ Message string }
		if err := json.Unmarshal([]byte(got[queue][0]), &envelope); err != nil || envelope.Message != want {
			t.Errorf("%s: delivered %q, %v, want %q", message, envelope.Message, err, want)
		}
	}
}

func TestPublishDeliversTheEnvelope(t *testing.T) {
	t.Parallel()
	_, client, got := start(t)
	subscribe(t, client, verdicts, queue+"-broken:broken") // does not keep others from theirs
	subscribe(t, client, verdicts, queue)
	subscribe(t, client, alerts, queue+"-other")
	const message = `{"verdict":"INFECTED","key":"a<b>&ü"}`
	sent, err := client.Publish(t.Context(), &api.PublishInput{
		TopicArn: aws.String(verdicts), Subject: aws.String("Infected"), Message: aws.String(message),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"verdict": {DataType: aws.String("String"), StringValue: aws.String("INFECTED")},
			"digest":  {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got[queue]) != 1 {
		t.Fatalf("delivered %v, want one message", got)
	}
	var envelope map[string]any
	if err := json.Unmarshal([]byte(got[queue][0]), &envelope); err != nil {
		t.Fatal(err)
	}
	if stamp, _ := envelope["Timestamp"].(string); len(stamp) != len("2006-01-02T15:04:05.000Z") {
		t.Errorf("got timestamp %q, want one with milliseconds", stamp)
	}
	delete(envelope, "Timestamp")
	want := map[string]any{
		"Type": "Notification", "MessageId": *sent.MessageId, "TopicArn": verdicts, "Subject": "Infected", "Message": message,
		"MessageAttributes": map[string]any{
			"verdict": map[string]any{"Type": "String", "Value": "INFECTED"},
			"digest":  map[string]any{"Type": "Binary", "Value": "AQI="},
		},
	}
	if diff := cmp.Diff(want, envelope); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	if len(got) != 1 {
		t.Errorf("delivered to %v, want %s alone", got, queue)
	}
	if _, err := client.Publish(
		t.Context(),
		&api.PublishInput{TopicArn: aws.String(verdicts), Message: aws.String("hello")},
	); err != nil {
		t.Fatal(err)
	}
	if second := got[queue][1]; strings.Contains(second, "Subject") {
		t.Errorf("got %s, want no subject", second)
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	kept, client, got := start(t)
	first := subscribe(t, client, verdicts, queue)
	subscribe(t, client, alerts, queue)
	if again := subscribe(t, client, verdicts, queue); again != first {
		t.Errorf("got subscription %s for the second Subscribe, want %s", again, first)
	}
	reopened, err := sns.New(kept, []template.Topic{{ARN: verdicts, Emails: []string{"a@example.org"}}}, got.deliver)
	if err != nil {
		t.Fatal(err)
	}
	list := func(topic string, options ...func(*api.Options)) []string {
		t.Helper()
		out, err := client.ListSubscriptionsByTopic(
			t.Context(),
			&api.ListSubscriptionsByTopicInput{TopicArn: aws.String(topic)},
			options...)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, sub := range out.Subscriptions {
			all = append(all, *sub.SubscriptionArn+" "+*sub.Endpoint)
		}
		return all
	}
	if diff := cmp.Diff([]string{first + " " + queue}, list(verdicts)); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	want := []string{"PendingConfirmation a@example.org", first + " " + queue}
	if diff := cmp.Diff(want, list(verdicts, func(o *api.Options) { o.HTTPClient = direct{reopened} })); diff != "" {
		t.Errorf("subscriptions after a restart (-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, client, _ := start(t)
	subscribe(t, client, verdicts, queue)
	publish := func(in api.PublishInput) func() error {
		return func() error {
			_, err := client.Publish(t.Context(), &in)
			return err
		}
	}
	sub := func(in api.SubscribeInput) func() error {
		return func() error {
			_, err := client.Subscribe(t.Context(), &in)
			return err
		}
	}
	x, sqs := aws.String("x"), aws.String("sqs")
	topic, endpoint := aws.String(verdicts), aws.String(queue)
	tests := []struct {
		name string
		call func() error
		want string
	}{
		{"no such topic", publish(api.PublishInput{TopicArn: aws.String(verdicts + "x"), Message: x}), "NotFound"},
		{"no topic", publish(api.PublishInput{Message: x}), "InvalidParameter"},
		{"empty message", publish(api.PublishInput{TopicArn: topic, Message: aws.String("")}), "InvalidParameter"},
		{
			"message too long",
			publish(api.PublishInput{TopicArn: topic, Message: aws.String(strings.Repeat("x", 256<<10+1))}),
			"InvalidParameter",
		},
		{
			"subject too long",
			publish(api.PublishInput{TopicArn: topic, Message: x, Subject: aws.String(strings.Repeat("x", 101))}),
			"InvalidParameter",
		},
		{
			"line feed in the subject",
			publish(api.PublishInput{TopicArn: topic, Message: x, Subject: aws.String("a\nb")}),
			"InvalidParameter",
		},
		{
			"message structure without JSON",
			publish(api.PublishInput{TopicArn: topic, Message: x, MessageStructure: aws.String("json")}),
			"InvalidParameter",
		},
		{
			"message structure without a default",
			publish(api.PublishInput{
				TopicArn: topic, Message: aws.String(`{"email":"x"}`), MessageStructure: aws.String("json"),
			}),
			"InvalidParameter",
		},
		{
			"another message structure",
			publish(api.PublishInput{TopicArn: topic, Message: x, MessageStructure: aws.String("xml")}),
			"InvalidParameter",
		},
		{
			"subscription to no topic",
			sub(api.SubscribeInput{TopicArn: aws.String(verdicts + "x"), Protocol: sqs, Endpoint: endpoint}),
			"NotFound",
		},
		{
			"subscription by mail",
			sub(api.SubscribeInput{TopicArn: topic, Protocol: aws.String("email"), Endpoint: aws.String("a@example.org")}),
			"InvalidParameter",
		},
		{
			"subscription of a URL",
			sub(api.SubscribeInput{TopicArn: topic, Protocol: sqs, Endpoint: aws.String("http://sqs/q")}),
			"InvalidParameter",
		},
		{
			"filter policy",
			sub(
				api.SubscribeInput{
					TopicArn:   topic,
					Protocol:   sqs,
					Endpoint:   endpoint,
					Attributes: map[string]string{"FilterPolicy": "{}"},
				},
			),
			"InvalidParameter",
		},
		{"unknown operation", func() error {
			_, err := client.CreateTopic(t.Context(), &api.CreateTopicInput{Name: x})
			return err
		}, "InvalidAction"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call()
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	var notFound *types.NotFoundException
	if err := tests[0].call(); !errors.As(err, &notFound) {
		t.Errorf("got %T, want a typed NotFoundException", err)
	}
	var wrong *types.InvalidParameterException
	if err := tests[2].call(); !errors.As(err, &wrong) {
		t.Errorf("got %T, want a typed InvalidParameterException", err)
	}
}
