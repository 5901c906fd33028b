package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/sqs"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

const (
	uploads = "arn:aws:sqs:us-east-1:000000000000:lazaret-uploads"
	dead    = "arn:aws:sqs:us-east-1:000000000000:lazaret-dead-letters"
)

// pair is an uploads queue with its dead-letter queue, as in the application.
func pair() []template.Queue {
	return []template.Queue{
		{Name: "lazaret-uploads", ARN: uploads, VisibilityTimeout: 30 * time.Second, Retention: 4 * 24 * time.Hour, DeadLetterARN: dead, MaxReceiveCount: 3},
		{Name: "lazaret-dead-letters", ARN: dead, VisibilityTimeout: 30 * time.Second, Retention: 14 * 24 * time.Hour},
	}
}

// service has its store beside it.
type service struct {
	*sqs.Service
	kept *store.Store
}

// newService has a store of its own.
func newService(t *testing.T, queues []template.Queue) service {
	t.Helper()
	return open(t, newStore(t, t.TempDir()), queues)
}

func newStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	kept, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	return kept
}

func open(t *testing.T, kept *store.Store, queues []template.Queue) service {
	t.Helper()
	s, err := sqs.New(kept, queues)
	if err != nil {
		t.Fatal(err)
	}
	return service{s, kept}
}

func newClient(endpoint string, transport http.RoundTripper) *api.Client {
	return api.New(api.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(endpoint),
		Credentials:      credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:       &http.Client{Transport: transport},
		RetryMaxAttempts: 1,
	})
}

// overHTTP returns an SDK client of the service behind a real server.
func overHTTP(t *testing.T, s service) (*api.Client, string) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return newClient(server.URL, http.DefaultTransport), server.URL
}

type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// inBubble returns an SDK client without a network, for tests whose clock is
// synctest's.
func inBubble(s service) *api.Client { return newClient("http://sqs.test", direct{s}) }

func send(t *testing.T, s service, queue, body string) string {
	t.Helper()
	var id string
	err := s.kept.Update(func(tx *bbolt.Tx) (err error) {
		id, err = s.SendTx(tx, queue, body)
		return err
	})
	if err != nil {
		t.Fatalf("send to %s: %v", queue, err)
	}
	return id
}

func receive(t *testing.T, s service, queue string) []events.SQSMessage {
	t.Helper()
	got, err := s.Receive(t.Context(), queue, 10, 0)
	if err != nil {
		t.Fatalf("receive from %s: %v", queue, err)
	}
	return got
}

func bodies(messages []events.SQSMessage) []string {
	var b []string
	for _, m := range messages {
		b = append(b, m.Body)
	}
	return b
}

func TestReceiveWakesAtOnce(t *testing.T) {
	tests := []struct {
		name string
		act  func(t *testing.T, s service)
		want []string
		wait time.Duration
	}{
		{"on arrival", func(t *testing.T, s service) { send(t, s, uploads, "new") }, []string{"new"}, 0},
		{"not at all", func(*testing.T, service) {}, nil, 20 * time.Second},
		{"when a hidden message is released", func(t *testing.T, s service) {
			send(t, s, dead, "x")
			m := receive(t, s, dead)[0]
			if err := s.Release(dead, m.ReceiptHandle); err != nil {
				t.Error(err)
			}
			send(t, s, uploads, "released "+receive(t, s, dead)[0].Attributes["ApproximateReceiveCount"])
		}, []string{"released 2"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, pair())
				start := time.Now()
				var got []events.SQSMessage
				var err error
				var waiting sync.WaitGroup
				waiting.Go(func() { got, err = s.Receive(t.Context(), uploads, 10, 20*time.Second) })
				synctest.Wait()
				tt.act(t, s)
				waiting.Wait()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, bodies(got)); diff != "" {
					t.Errorf("bodies (-want +got):\n%s", diff)
				}
				if waited := time.Since(start); waited != tt.wait {
					t.Errorf("waited %v, want %v", waited, tt.wait)
				}
			})
		})
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		var waiting sync.WaitGroup
		waiting.Go(func() { _, err = s.Receive(ctx, uploads, 1, time.Hour) })
		synctest.Wait()
		cancel()
		waiting.Wait()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestHiddenMessageComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		send(t, s, uploads, "again")
		start := time.Now()
		first := receive(t, s, uploads)
		if got := receive(t, s, uploads); len(got) != 0 {
			t.Fatalf("received %v while hidden, want nothing", got)
		}
		second, err := s.Receive(t.Context(), uploads, 10, time.Minute)
		if err != nil || len(second) != 1 {
			t.Fatalf("got %v, %v; want the message back", second, err)
		}
		if waited := time.Since(start); waited != 30*time.Second {
			t.Errorf("came back after %v, want the visibility timeout", waited)
		}
		// The first receipt is stale: deleting with it must not lose the message.
		if err := s.Delete(uploads, first[0].ReceiptHandle); err != nil {
			t.Errorf("delete by a stale receipt: got %v, want no error", err)
		}
		if err := s.Release(uploads, first[0].ReceiptHandle); err != nil {
			t.Errorf("release by a stale receipt: got %v, want no error", err)
		}
		if got := receive(t, s, uploads); len(got) != 0 {
			t.Fatalf("received %v after a release by a stale receipt, want nothing", got)
		}
		if err := s.Delete(uploads, second[0].ReceiptHandle); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := receive(t, s, uploads); len(got) != 0 {
			t.Errorf("received %v after it was deleted, want nothing", got)
		}
	})
}

func TestRedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		id := send(t, s, uploads, "poison")
		send(t, s, uploads, "poison too")
		for n := 1; n <= 3; n++ {
			got := receive(t, s, uploads)
			if len(got) != 2 || got[0].Attributes["ApproximateReceiveCount"] != fmt.Sprint(n) {
				t.Fatalf("receive %d: got %v, want both messages", n, got)
			}
			time.Sleep(30 * time.Second)
		}
		if got := receive(t, s, dead); len(got) != 0 {
			t.Fatalf("got %v in the dead letters before another receive, want nothing", got)
		}
		if got := receive(t, s, uploads); len(got) != 0 {
			t.Fatalf("received %v a fourth time, want nothing", got)
		}
		got := receive(t, s, dead)
		if diff := cmp.Diff([]string{"poison", "poison too"}, bodies(got)); diff != "" {
			t.Fatalf("dead letters (-want +got):\n%s", diff)
		}
		if got[0].MessageId != id {
			t.Errorf("got id %s, want %s", got[0].MessageId, id)
		}
		if n := got[0].Attributes["ApproximateReceiveCount"]; n != "4" {
			t.Errorf("got receive count %s of a dead letter, want 4", n)
		}
	})
}

func TestManyReceiversGetEachMessageOnce(t *testing.T) {
	t.Parallel()
	const messages, receivers = 500, 8
	s := newService(t, pair())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var got []string
	var all sync.WaitGroup
	for range receivers {
		all.Go(func() {
			for ctx.Err() == nil {
				batch, err := s.Receive(ctx, uploads, 10, time.Minute)
				if err != nil {
					return // the context has ended
				}
				for _, m := range batch {
					if err := s.Delete(uploads, m.ReceiptHandle); err != nil {
						t.Error(err)
					}
				}
				mu.Lock()
				got = append(got, bodies(batch)...)
				if len(got) == messages {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	var want []string
	for i := range messages {
		want = append(want, fmt.Sprintf("%03d", i))
		send(t, s, uploads, want[i])
	}
	all.Wait()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}
