package sqs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// receivers are receives of the uploads queue, and what each got in the order in which they were served.
type receivers struct {
	sync.WaitGroup
	mu  sync.Mutex
	got []string
}

// begin starts a receive and returns when it waits.
func (r *receivers) begin(ctx context.Context, t *testing.T, s service, name string, limit int, wait time.Duration) {
	t.Helper()
	r.Go(func() {
		got, err := s.Receive(ctx, uploads, limit, wait)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.got = append(r.got, name+" ended")
			return
		}
		r.got = append(r.got, name+" "+strings.Join(bodies(got), ","))
	})
	synctest.Wait()
}

// TestWaitingInOrder checks that receives get messages in the order in which they began to wait, whatever makes the
// messages visible and whoever leaves the line.
func TestWaitingInOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		act  func(t *testing.T, s service, leave func())
		want []string
	}{
		"one message for each": {
			func(t *testing.T, s service, _ func()) {
				for i := range 3 {
					send(t, s, uploads, fmt.Sprint(i))
					synctest.Wait()
				}
			},
			[]string{"a 0", "b 1", "c 2"},
		},
		"all messages at once": {
			func(t *testing.T, s service, _ func()) {
				client := inBubble(s)
				in := &api.SendMessageBatchInput{QueueUrl: aws.String("http://sqs.test/0/lazaret-uploads")}
				for i := range 3 {
					in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
						Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprint(i)),
					})
				}
				if _, err := client.SendMessageBatch(t.Context(), in); err != nil {
					t.Error(err)
				}
			},
			[]string{"a 0", "b 1", "c 2"},
		},
		"the first one leaves": {
			func(t *testing.T, s service, leave func()) {
				leave()
				synctest.Wait()
				send(t, s, uploads, "0")
			},
			[]string{"a ended", "b 0", "c "},
		},
		"the first one leaves when a message is there": {
			func(t *testing.T, s service, leave func()) {
				leave()
				send(t, s, uploads, "0")
			},
			[]string{"a ended", "b 0", "c "},
		},
		"nothing comes": {func(*testing.T, service, func()) {}, []string{"a ", "b ", "c "}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, pair())
				var r receivers
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				began := time.Now()
				for _, name := range []string{"a", "b", "c"} {
					ctx := ctx
					if name != "a" {
						ctx = t.Context()
					}
					r.begin(ctx, t, s, name, 1, 20*time.Second)
				}
				tt.act(t, s, leave)
				r.Wait()
				slices.Sort(tt.want)
				slices.Sort(r.got)
				if diff := cmp.Diff(tt.want, r.got); diff != "" {
					t.Errorf("who got what (-want +got):\n%s", diff)
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("took %v, want no more than the 20 s of a receive", took)
				}
			})
		})
	}
}

// TestLookWithoutWaiting checks that a receive that does not wait gets what those that wait leave, and nothing else.
func TestLookWithoutWaiting(t *testing.T) {
	for name, tt := range map[string]struct {
		waiting, messages int
		want              string // what a receive of one message gets
	}{
		"nobody waits":               {0, 1, "0"},
		"one waits for one":          {1, 1, ""},
		"two wait, three messages":   {2, 3, "2"},
		"two wait, and nothing came": {2, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, pair())
				var r receivers
				for i := range tt.waiting {
					r.begin(t.Context(), t, s, fmt.Sprint("waiting ", i), 1, 20*time.Second)
				}
				for i := range tt.messages {
					send(t, s, uploads, fmt.Sprint(i)) // nobody has looked yet
				}
				began := time.Now()
				got, err := s.Receive(t.Context(), uploads, 1, 0)
				if err != nil || strings.Join(bodies(got), ",") != tt.want {
					t.Errorf("got %q, %v, want %q", bodies(got), err, tt.want)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("took %v, want no wait", took)
				}
				r.Wait()
			})
		})
	}
}

// TestPlaceOfReturnedMessages checks that a message that was handed back is received before those sent after it, and is
// counted as visible at once.
func TestPlaceOfReturnedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		for i := range 5 {
			send(t, s, uploads, fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		client, url := inBubble(s), aws.String("http://sqs.test/0/lazaret-uploads")
		counts := func() string {
			out, err := client.GetQueueAttributes(t.Context(), &api.GetQueueAttributesInput{
				QueueUrl: url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
			})
			if err != nil {
				t.Fatal(err)
			}
			return out.Attributes["ApproximateNumberOfMessages"] + " " + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
		}
		first, err := s.Receive(t.Context(), uploads, 3, 0)
		if err != nil || strings.Join(bodies(first), "") != "012" {
			t.Fatalf("got %q, %v, want the three oldest", bodies(first), err)
		}
		if got := counts(); got != "2 3" {
			t.Errorf("got %s visible and hidden messages, want 2 3", got)
		}
		for i, seconds := range []int32{10, 0, 20} { // the second one is back at once, the first one before the third
			if _, err := client.ChangeMessageVisibility(t.Context(), &api.ChangeMessageVisibilityInput{
				QueueUrl: url, ReceiptHandle: &first[i].ReceiptHandle, VisibilityTimeout: seconds,
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := counts(); got != "3 2" {
			t.Errorf("got %s visible and hidden messages after one was handed back, want 3 2", got)
		}
		if got := bodies(receive(t, s, uploads)); strings.Join(got, "") != "134" {
			t.Errorf("got %q, want the message that was handed back before those sent after it", got)
		}
		time.Sleep(time.Minute)
		if got := counts(); got != "5 0" {
			t.Errorf("got %s visible and hidden messages after a minute, want 5 0", got)
		}
	})
}

// TestManyWaitForFew has 20 receives wait for two messages that come back again and again, as permits do. Each gets its
// turn before any gets its second one.
func TestManyWaitForFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, pair())
		send(t, s, dead, "x")
		send(t, s, dead, "y")
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				for range 5 {
					got, err := s.Receive(t.Context(), dead, 1, time.Hour)
					if err != nil || len(got) != 1 {
						t.Errorf("receiver %d: got %v, %v, want a message", i, got, err)
						return
					}
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					time.Sleep(time.Second)
					if err := s.Release(dead, got[0].ReceiptHandle); err != nil {
						t.Error(err)
					}
				}
			})
			synctest.Wait()
		}
		all.Wait()
		for round := range slices.Chunk(order, 20) {
			if slices.Sort(round); len(slices.Compact(round)) != 20 {
				t.Errorf("in 20 turns: got receivers %v, want each once", round)
			}
		}
	})
}
