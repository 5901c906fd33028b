package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

func all(Letter) bool   { return true }
func noProgress(Result) {}

// numbers returns some of the bodies of newFake, sorted.
func numbers(from, to int) (bodies []string) {
	for i := from; i < to; i++ {
		bodies = append(bodies, strconv.Itoa(i))
	}
	slices.Sort(bodies)
	return bodies
}

func newRedriver(f *fakeQueues) *Redriver { return New(f, deployment.Stack{Name: "lazaret"}) }

func TestRedrive(t *testing.T) {
	t.Parallel()
	failAgain := func(f *fakeQueues) {
		f.onSend = func(e types.SendMessageBatchRequestEntry) bool {
			f.add(*e.MessageBody, time.Now().Add(2*time.Second))
			return false
		}
	}
	tests := []struct {
		name    string
		letters int
		set     func(*fakeQueues)
		choose  func(Letter) bool
		limit   int
		want    Result
		rescans []string // bodies in the rescans queue, sorted
		left    []string // bodies of visible dead letters, sorted
		hidden  int      // dead letters that are hidden
		fails   bool
	}{
		{name: "none"},
		{name: "all", letters: 25, want: Result{Seen: 25, Chosen: 25, Redriven: 25}, rescans: numbers(0, 25)},
		{
			name:    "some",
			letters: 25,
			choose:  func(l Letter) bool { return l.MessageID == "m3" || l.MessageID == "m22" },
			want:    Result{Seen: 25, Chosen: 2, Redriven: 2},
			rescans: []string{"22", "3"},
			left:    slices.DeleteFunc(numbers(0, 25), func(s string) bool { return s == "3" || s == "22" }),
		},
		{
			name: "a limit", letters: 25, limit: 12, want: Result{Seen: 20, Chosen: 12, Redriven: 12},
			rescans: numbers(0, 12), left: numbers(12, 25),
		},
		{
			name: "some are refused", letters: 4, set: func(f *fakeQueues) {
				f.onSend = func(e types.SendMessageBatchRequestEntry) bool { return *e.MessageBody == "2" }
			},
			want: Result{Seen: 4, Chosen: 4, Redriven: 3, Failures: []Failure{
				{Letter: Letter{MessageID: "m2", Error: NotUnderstood}, Reason: "InternalError: try later"},
			}},
			rescans: []string{"0", "1", "3"}, left: []string{"2"},
		},
		{
			name: "the answer mentions none", letters: 1, set: func(f *fakeQueues) { f.omit = true },
			want: Result{Seen: 1, Chosen: 1, Failures: []Failure{{
				Letter: Letter{MessageID: "m0", Error: NotUnderstood}, Reason: "the answer of SQS does not mention it",
			}}},
			rescans: []string{"0"}, left: []string{"0"},
		},
		{
			name: "one cannot be deleted", letters: 3,
			set:  func(f *fakeQueues) { f.onDelete = func(l *letter) bool { return l.body == "1" } },
			want: Result{Seen: 3, Chosen: 3, Redriven: 3, InBoth: 1}, rescans: numbers(0, 3), hidden: 1,
		},
		{name: "deleted when it is received again, not sent twice", letters: 3, set: func(f *fakeQueues) {
			f.onDelete = func(l *letter) bool {
				first := l.body == "1" && l.receives == 1
				l.hidden = !first
				return first
			}
		}, want: Result{Seen: 3, Chosen: 3, Redriven: 3, InBoth: 1}, rescans: numbers(0, 3)},
		{
			name: "every redriven letter fails again", letters: 15, set: failAgain,
			want: Result{Seen: 15, Chosen: 15, Redriven: 15, Newer: 15}, rescans: numbers(0, 15), left: numbers(0, 15),
		},
		{name: "a queue that fills faster than it is read", set: func(f *fakeQueues) {
			n := 0
			f.onReceive = func() (messages []types.Message, err error) {
				for range maxBatchMessages {
					n++
					l := letter{id: strconv.Itoa(n), sent: time.Now().Add(time.Minute)}
					messages = append(messages, l.message())
				}
				return messages, nil
			}
		}, want: Result{Newer: maxIdle + maxBatchMessages, StillHidden: maxIdle + maxBatchMessages}},
		{name: "delivered twice", letters: 3, set: func(f *fakeQueues) {
			n := 0
			f.onReceive = func() ([]types.Message, error) {
				if n++; n == 2 {
					return []types.Message{
						{MessageId: aws.String("m1"), ReceiptHandle: aws.String("m1#2"), Body: aws.String("1")},
					}, nil
				}
				return nil, nil
			}
		}, want: Result{Seen: 3, Chosen: 3, Redriven: 3}, rescans: numbers(0, 3)},
		{name: "SQS hands out no more", letters: 12, set: func(f *fakeQueues) {
			n := 0
			f.onReceive = func() ([]types.Message, error) {
				if n++; n == 2 {
					return nil, &types.OverLimit{}
				}
				return nil, nil
			}
		}, want: Result{Seen: 10, Chosen: 10, Redriven: 10, More: true}, rescans: numbers(0, 10), left: []string{"10", "11"}},
		{
			name: "another reader has hidden some", letters: 1, set: func(f *fakeQueues) { f.hidden = "7" },
			want: Result{Seen: 1, Chosen: 1, Redriven: 1, HiddenByOthers: 7}, rescans: []string{"0"},
		},
		{name: "receiving fails", letters: 12, choose: func(Letter) bool { return false }, set: func(f *fakeQueues) {
			n := 0
			f.onReceive = func() ([]types.Message, error) {
				if n++; n == 2 {
					return nil, &smithy.GenericAPIError{Code: "AccessDenied"}
				}
				return nil, nil
			}
		}, want: Result{Seen: 10}, left: numbers(0, 12), fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(tt.letters)
			if tt.set != nil {
				tt.set(f)
			}
			if tt.choose == nil {
				tt.choose = all
			}
			got, err := newRedriver(f).Redrive(t.Context(), tt.limit, tt.choose, noProgress)
			if (err != nil) != tt.fails {
				t.Fatalf("got error %v, want one: %v", err, tt.fails)
			}
			ignored := []cmp.Option{cmpopts.IgnoreFields(Letter{}, "Cause", "Sent", "Body"), cmpopts.IgnoreUnexported(Letter{})}
			if diff := cmp.Diff(tt.want, got, ignored...); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			slices.Sort(f.rescans)
			if diff := cmp.Diff(tt.rescans, f.rescans); diff != "" {
				t.Errorf("bodies in the rescans queue (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.left, f.visible()); diff != "" {
				t.Errorf("bodies of visible dead letters (-want +got):\n%s", diff)
			}
			if n := len(f.letters) - len(f.visible()); n != tt.hidden {
				t.Errorf("got %d hidden dead letters, want %d", n, tt.hidden)
			}
		})
	}
}

// failAtOnce makes the executions of redriven letters fail at once. The new letters are as old as the others, as they
// are within the second in which a run begins.
func failAtOnce(t *testing.T, f *fakeQueues) {
	old := time.Now().Add(-time.Hour)
	f.onSend = func(e types.SendMessageBatchRequestEntry) bool {
		m, err := upload.Decode([]byte(*e.MessageBody))
		if err != nil {
			f.add(*e.MessageBody, old) // dispatch cannot read it; SQS moves it unchanged
			return false
		}
		for _, j := range m.Jobs {
			body, err := json.Marshal(upload.DeadLetter{Job: j, Error: "TagLimit"})
			if err != nil {
				t.Error(err)
			}
			f.add(string(body), old)
		}
		return false
	}
}

// TestRedriveOnce checks that a run redrives a letter once: the letters of executions that fail again are left.
func TestRedriveOnce(t *testing.T) {
	t.Parallel()
	letter, several := fromMachine(t, "k", "TagLimit", ""), sample(t, "s3-several.json")
	tests := []struct {
		name   string
		bodies []string
		want   Result
		second Result // of a second run
	}{
		{
			"one that fails again",
			[]string{letter},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 1},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 1},
		},
		{
			"not understood",
			[]string{"garbage"},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 1},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 1},
		},
		{
			"two letters of one job",
			[]string{letter, letter},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 2},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 2},
		},
		{
			"a rescan is another job than the upload",
			[]string{letter, strings.Replace(letter, `"run":""`, `"run":"scan-1"`, 1)},
			Result{Seen: 2, Chosen: 2, Redriven: 2, FailedAgain: 2},
			Result{Seen: 2, Chosen: 2, Redriven: 2, FailedAgain: 2},
		},
		{
			"several uploads in one message",
			[]string{several},
			Result{Seen: 1, Chosen: 1, Redriven: 1, FailedAgain: 2},
			Result{Seen: 2, Chosen: 2, Redriven: 2, FailedAgain: 2},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(0)
			for _, body := range test.bodies {
				f.add(body, time.Now().Add(-time.Hour))
			}
			failAtOnce(t, f)
			for run, want := range []Result{test.want, test.second} {
				got, err := newRedriver(f).Redrive(t.Context(), 0, all, noProgress)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("run %d (-want +got):\n%s", run, diff)
				}
			}
		})
	}
}

// TestKilledAtEachCall lets each call of a redrive, and all later ones, fail: every letter is in at least one of the
// queues, and at most one batch is in both.
func TestKilledAtEachCall(t *testing.T) {
	t.Parallel()
	whole := newFake(25)
	if _, err := newRedriver(whole).Redrive(t.Context(), 0, all, noProgress); err != nil {
		t.Fatal(err)
	}
	for at := 1; at <= whole.calls; at++ {
		f := newFake(25)
		f.failAt = at
		result, err := newRedriver(f).Redrive(t.Context(), 0, all, noProgress)
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at call %d of %d: got error %v, want %v", at, whole.calls, err, errKilled)
		}
		dead := f.bodies(func(*letter) bool { return true })
		both := 0
		for _, body := range numbers(0, 25) {
			inDead, inRescans := slices.Contains(dead, body), slices.Contains(f.rescans, body)
			if !inDead && !inRescans {
				t.Errorf("killed at call %d: letter %s is in no queue", at, body)
			}
			if inDead && inRescans {
				both++
			}
		}
		if both > maxBatchMessages || both != result.InBoth || len(f.rescans) != result.Redriven {
			t.Errorf("killed at call %d: got %+v, want %d in both queues (10 at most) and %d redriven",
				at, result, both, len(f.rescans))
		}
	}
}

// TestStopped ends the context: the run completes the batch and makes the other letters visible again.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	f := newFake(40)
	odd := func(l Letter) bool { return l.MessageID[len(l.MessageID)-1]%2 == 1 }
	got, err := newRedriver(f).Redrive(ctx, 0, odd, func(r Result) {
		if r.Seen == 20 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got error %v, want %v", err, context.Canceled)
	}
	if diff := cmp.Diff(Result{Seen: 20, Chosen: 10, Redriven: 10}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := len(f.visible()); n != 30 || len(f.rescans) != 10 {
		t.Errorf("got %d visible dead letters and %d in the rescans queue, want 30 and 10", n, len(f.rescans))
	}
}

func TestListChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(33)
	var listed []string
	got, err := newRedriver(f).List(t.Context(), 0, func(l Letter) bool {
		listed = append(listed, l.MessageID)
		return true
	})
	if err != nil || got.Seen != 33 || len(listed) != 33 {
		t.Fatalf("got %+v, %v, listed %d, want 33 seen and listed", got, err, len(listed))
	}
	if diff := cmp.Diff(numbers(0, 33), f.visible()); diff != "" || len(f.rescans) > 0 {
		t.Errorf("got %v in the rescans queue, want none; bodies of dead letters (-want +got):\n%s", f.rescans, diff)
	}
	f.failAt = f.calls + 4 // two receives succeed; then no letter can be made visible
	got, err = newRedriver(f).List(t.Context(), 0, all)
	if err == nil || got.StillHidden != 20 {
		t.Errorf("with failing calls: got %+v, %v, want an error and 20 still hidden", got, err)
	}
}

func TestAttributesAreKept(t *testing.T) {
	t.Parallel()
	f := newFake(1)
	want := map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("x")}}
	f.letters[0].attributes = want
	if _, err := newRedriver(f).Redrive(t.Context(), 0, all, noProgress); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, f.attributes[0], cmpopts.IgnoreUnexported(types.MessageAttributeValue{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLostAnswer loses the answer with messages, which stay hidden. The result counts it, whether the SDK retries the
// request or not.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lose func(w http.ResponseWriter)
		want int // receives
	}{
		{"in the middle of the answer", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "1000") }, 1},
		{"before the answer, which the SDK retries", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var receives atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ReceiveMessage") && receives.Add(1) == 1 {
					tt.lose(w)
				}
				_, _ = w.Write([]byte("{}"))
			}))
			t.Cleanup(server.Close)
			client := sqs.New(sqs.Options{
				Region: "us-east-1", BaseEndpoint: &server.URL,
				Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			})
			stack := deployment.Stack{Name: "lazaret", DeadLetters: server.URL + "/0/lazaret-dead-letters"}
			r := New(client, stack)
			got, err := r.List(t.Context(), 0, all)
			if int(receives.Load()) != tt.want || got.LostAnswers != 1 || (err == nil) != (tt.want == 2) {
				t.Errorf("got %+v, error %v after %d receives, want one lost answer after %d",
					got, err, receives.Load(), tt.want)
			}
		})
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	body := func(n int) letterMessage {
		return letterMessage{message: types.Message{Body: aws.String(strings.Repeat("x", n))}}
	}
	withAttribute := body(maxBatchBytes - 10)
	withAttribute.message.MessageAttributes = map[string]types.MessageAttributeValue{
		"abcd": {DataType: aws.String("String")},
	}
	tests := []struct {
		name     string
		messages []letterMessage
		want     []int // messages in each batch
	}{
		{"none", nil, nil},
		{"small ones", slices.Repeat([]letterMessage{body(10)}, 23), []int{10, 10, 3}},
		{"as large as they may be", slices.Repeat([]letterMessage{body(maxBatchBytes)}, 3), []int{1, 1, 1}},
		{"as much as fits", []letterMessage{body(maxBatchBytes - 1), body(1), body(1)}, []int{2, 1}},
		{"attributes count", []letterMessage{withAttribute, body(1)}, []int{1, 1}},
		{"a large one between", []letterMessage{body(1), body(maxBatchBytes), body(1), body(1)}, []int{1, 1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []int
			for _, batch := range batches(tt.messages) {
				got = append(got, len(batch))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("messages in each batch (-want +got):\n%s", diff)
			}
		})
	}
}
