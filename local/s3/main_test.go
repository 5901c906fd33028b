package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

const (
	role    = "arn:aws:iam::000000000000:role/"
	uploads = "arn:aws:sqs:us-east-1:000000000000:uploads"
	poison  = "arn:aws:sqs:us-east-1:000000000000:poison"
)

var (
	endpoint  string
	running   *Service
	delivered = &mailbox{}
	put       = &mailbox{}
)

// mailbox keeps what was delivered, by object key.
type mailbox struct {
	mu   sync.Mutex
	mail map[string][]string
}

func (m *mailbox) add(key, body string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mail == nil {
		m.mail = map[string][]string{}
	}
	m.mail[key] = append(m.mail[key], body)
}

func (m *mailbox) of(key string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mail[key]
}

func TestMain(m *testing.M) {
	if run := programs[os.Getenv("S3_PROGRAM")]; run != nil {
		if err := run(os.Getenv("S3_DIR")); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "lazaret-s3-")
	if err != nil {
		log.Fatal(err)
	}
	code := runAll(m, dir)
	if err := os.RemoveAll(dir); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

func runAll(m *testing.M, dir string) int {
	policy, err := os.ReadFile("testdata/policy.json")
	if err != nil {
		log.Fatal(err)
	}
	state, err := store.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	// The gateway prints here what it takes for errors of its own.
	printed, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		log.Fatal(err)
	}
	os.Stderr = printed
	ctx, stop := context.WithCancel(context.Background())
	s, err := Start(ctx, Config{
		Store: state,
		Buckets: []template.Bucket{
			{Name: "uploads", Versioned: true, Policy: policy},
			{Name: "versioned", Versioned: true, EventBridge: true, Notifications: []template.Notification{
				{Event: "s3:ObjectCreated:*", QueueARN: uploads, Prefix: "event/"},
				{Event: "s3:ObjectCreated:Put", QueueARN: poison, Prefix: "poison/"},
			}},
			{
				Name: "plain",
				Notifications: []template.Notification{
					{Event: "s3:ObjectCreated:Put", QueueARN: uploads, Suffix: ".txt"},
				},
			},
		},
		Caller: func(key string) (secret, arn string, ok bool) {
			arn, ok = map[string]string{
				"alice":   "arn:aws:iam::000000000000:user/alice",
				"tag":     role + "tag",
				"fetch":   role + "fetch",
				"partner": "arn:aws:iam::111122223333:user/partner",
			}[key]
			return key + "-secret", arn, ok
		},
		Deliver: func(tx *bbolt.Tx, queueARN, body string) error {
			if queueARN == poison {
				return errors.New("the queue is gone")
			}
			var n struct {
				Records []struct {
					S3 struct{ Object struct{ Key string } }
				}
			}
			if err := json.Unmarshal([]byte(body), &n); err != nil {
				return err
			}
			tx.OnCommit(func() { delivered.add(n.Records[0].S3.Object.Key, body) })
			return nil
		},
		PutEvent: func(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error {
			var d struct{ Object struct{ Key string } }
			if err := json.Unmarshal(detail, &d); err != nil {
				return err
			}
			tx.OnCommit(func() {
				put.add(d.Object.Key, fmt.Sprint(source, "|", detailType, "|", resources, "|", string(detail)))
			})
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	endpoint, running = server.URL, s
	code := m.Run()
	server.Close()
	stop()
	if err := s.Wait(); err != nil {
		log.Printf("gateway: %v", err)
		code = 1
	}
	if err := state.Close(); err != nil {
		log.Fatal(err)
	}
	if text, err := os.ReadFile(printed.Name()); err != nil || bytes.Contains(text, []byte("ERROR")) ||
		bytes.Contains(text, []byte("PANIC")) {
		log.Printf("the gateway printed %q (%v), want no errors", text, err)
		code = 1
	}
	return code
}

// as returns a client that signs as one of the principals.
func as(name string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &endpoint,
		UsePathStyle: true,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider(name, name+"-secret", ""),
		Retryer:      aws.NopRetryer{},
	})
}

var keys atomic.Int64

// keyOfTest gives every run of every test a name of its own for what it makes.
func keyOfTest(t *testing.T) string {
	return fmt.Sprintf("%s-%d", strings.ToLower(t.Name()), keys.Add(1))
}

// wantError checks status and code; "" for the code of answers without a body.
func wantError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var re *awshttp.ResponseError
	if !errors.As(err, &re) {
		t.Fatalf("got error %v, want HTTP %d %s", err, status, code)
	}
	if re.HTTPStatusCode() != status {
		t.Errorf("got HTTP %d (%v), want %d", re.HTTPStatusCode(), err, status)
	}
	var ae smithy.APIError
	if code != "" && (!errors.As(err, &ae) || ae.ErrorCode() != code) {
		t.Errorf("got %v, want code %s", err, code)
	}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
