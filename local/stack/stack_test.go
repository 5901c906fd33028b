package stack

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

const accountARN = ":us-east-1:000000000000:"

// as returns the configuration of a client that signs with the access key.
func as(s *Stack, key string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &s.Endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(key, "test", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func s3As(s *Stack, key string) *s3.Client {
	return s3.NewFromConfig(as(s, key), func(o *s3.Options) { o.UsePathStyle = true })
}

// TestStack goes over every connection between services that needs no
// function, through the endpoint. One stack may run in a process, so this is one
// test.
func TestStack(t *testing.T) {
	const reader = "arn:aws:iam::000000000000:role/reader"
	s, err := Start(t.Context(), Config{
		Template: "testdata/template.yaml", StackName: "st", Parameters: map[string]string{"TrustedReaderArns": reader},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })

	t.Run("an upload reaches the queue and the bus", func(t *testing.T) {
		_, err := s3As(s, "test").PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("st-bucket"), Key: aws.String("k"), Body: strings.NewReader("hi"),
		})
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, "st-Queue", `"eventName":"ObjectCreated:Put"`)
		want(t, s, "st-Events", `"detail-type":"Object Created"`)
	})

	t.Run("policies tell principals apart", func(t *testing.T) {
		get := &s3.GetObjectInput{Bucket: aws.String("st-bucket"), Key: aws.String("k")}
		if _, err := s3As(s, "test").GetObject(t.Context(), get); code(err) != "AccessDenied" {
			t.Errorf("the user's read: %v, want AccessDenied", err)
		}
		list := &s3.ListObjectsV2Input{Bucket: get.Bucket}
		if _, err := s3As(s, "111122223333").ListObjectsV2(t.Context(), list); code(err) != "AccessDenied" {
			t.Errorf("another account's list: %v, want AccessDenied", err)
		}
		if _, err := s3As(s, "nobody").ListObjectsV2(t.Context(), list); code(err) != "InvalidAccessKeyId" {
			t.Errorf("an unknown key's list: %v, want InvalidAccessKeyId", err)
		}
		got, err := s3As(s, "reader").GetObject(t.Context(), get)
		if err != nil {
			t.Fatalf("the trusted reader's read: %v", err)
		}
		_ = got.Body.Close()
	})

	t.Run("topic and bus reach queues", func(t *testing.T) {
		topics, topic := sns.NewFromConfig(as(s, "test")), aws.String("arn:aws:sns"+accountARN+"st-Topic")
		if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
			TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs" + accountARN + "st-Queue"),
		}); err != nil {
			t.Fatal(err)
		}
		message := &sns.PublishInput{TopicArn: topic, Message: aws.String("told")}
		if _, err := topics.Publish(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		want(t, s, "st-Queue", "told")
		event := eventtypes.PutEventsRequestEntry{
			Source:     aws.String("own"),
			DetailType: aws.String("Own"),
			Detail:     aws.String(`{"put":true}`),
		}
		put, err := eventbridge.NewFromConfig(as(s, "test")).PutEvents(t.Context(),
			&eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{event}})
		if err != nil || put.FailedEntryCount > 0 {
			t.Fatal(put, err)
		}
		want(t, s, "st-Events", `"put":true`)
	})

	t.Run("a machine reaches its queue, and its status is told", func(t *testing.T) {
		start(t, s, "ok", `{"body": "sent"}`)
		want(t, s, "st-Queue", "sent")
		want(t, s, "st-Events", `"status":"RUNNING"`, `"status":"SUCCEEDED"`)
	})

	t.Run("a refusal of a service is caught by its name", func(t *testing.T) {
		start(t, s, "refused", `{"body": "`+"\\u0000"+`"}`)
		got := want(t, s, "st-Events", `"status":"SUCCEEDED"`)
		last := got[len(got)-1]
		if !strings.Contains(last, "SQS.") || strings.Contains(last, "SdkClientException") {
			t.Errorf("output is %s, want an error of SQS's own", last)
		}
	})

	data := s.DataDir
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("data folder %s is still there: %v", data, err)
	}
	select {
	case err := <-s.failed:
		t.Errorf("a service failed: %v", err)
	default:
	}
}

func start(t *testing.T, s *Stack, name, input string) {
	t.Helper()
	_, err := sfn.NewFromConfig(as(s, "test")).StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(
			"arn:aws:states" + accountARN + "stateMachine:st-Machine",
		),
		Name:  &name,
		Input: &input,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// want receives and deletes messages until each part was in one of them, and
// returns the messages.
func want(t *testing.T, s *Stack, queue string, parts ...string) (bodies []string) {
	t.Helper()
	client, url := sqs.NewFromConfig(as(s, "test")), aws.String(s.Endpoint+"/000000000000/"+queue)
	for end := time.Now().Add(time.Minute); len(parts) > 0; {
		if time.Now().After(end) {
			t.Fatalf("queue %s never had %q; it had %q", queue, parts, bodies)
		}
		got, err := client.ReceiveMessage(
			t.Context(),
			&sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2},
		)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got.Messages {
			bodies = append(bodies, *m.Body)
			parts = slices.DeleteFunc(parts, func(part string) bool { return strings.Contains(*m.Body, part) })
			if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{
				QueueUrl: url, ReceiptHandle: m.ReceiptHandle,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return bodies
}

func code(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}

func TestWait(t *testing.T) {
	t.Parallel()
	want := errors.New("failed")
	s := &Stack{failed: make(chan error, 1)}
	s.failed <- want
	if err := s.Wait(t.Context()); !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
