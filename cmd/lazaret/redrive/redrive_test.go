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

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
	"github.com/lazaret/lazaret/internal/upload"
)

func everything(Letter) bool { return true }
func nobody(Result)          {}

// numbers are the bodies of newFake.
func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	slices.Sort(all)
	return all
}

func newRedriver(f *fakeQueues) *Redriver { return New(f, stack.Stack{Name: "lazaret"}) }

func TestRedrive(t *testing.T) {
	t.Parallel()
	recent := func(f *fakeQueues) {
		f.send = func(e types.SendMessageBatchRequestEntry) bool { // what is redriven fails again at once
			f.bury(*e.MessageBody, time.Now().Add(2*time.Second))
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
		uploads []string // bodies, sorted
		left    []string // among the dead, visible
		hidden  int      // among the dead, and hidden
		fails   bool
	}{
		{name: "none"},
		{name: "all", letters: 25, want: Result{Seen: 25, Chosen: 25, Redriven: 25}, uploads: numbers(0, 25)},
		{
			name: "some", letters: 25, choose: func(l Letter) bool { return l.MessageID == "m3" || l.MessageID == "m22" },
			want: Result{Seen: 25, Chosen: 2, Redriven: 2}, uploads: []string{"22", "3"},
			left: slices.DeleteFunc(numbers(0, 25), func(s string) bool { return s == "3" || s == "22" }),
		},
		{name: "a limit", letters: 25, limit: 12, want: Result{Seen: 20, Chosen: 12, Redriven: 12}, uploads: numbers(0, 12), left: numbers(12, 25)},
		{
			name: "some are refused", letters: 4, set: func(f *fakeQueues) {
				f.send = func(e types.SendMessageBatchRequestEntry) bool { return *e.MessageBody == "2" }
			}, want: Result{Seen: 4, Chosen: 4, Redriven: 3, Failures: []Failure{{Letter{MessageID: "m2", Error: NotUnderstood}, "InternalError: try later"}}},
			uploads: []string{"0", "1", "3"}, left: []string{"2"},
		},
		{
			name: "SQS does not say what became of them", letters: 1, set: func(f *fakeQueues) { f.forget = true },
			want:    Result{Seen: 1, Chosen: 1, Failures: []Failure{{Letter{MessageID: "m0", Error: NotUnderstood}, "SQS did not say what became of it"}}},
			uploads: []string{"0"}, left: []string{"0"},
		},
		{
			name: "one cannot be deleted", letters: 3, set: func(f *fakeQueues) { f.remove = func(l *letter) bool { return l.body == "1" } },
			want: Result{Seen: 3, Chosen: 3, Redriven: 3, Both: 1}, uploads: numbers(0, 3), hidden: 1,
		},
		{name: "deleted when it comes back, not sent twice", letters: 3, set: func(f *fakeQueues) {
			f.remove = func(l *letter) bool { first := l.body == "1" && l.receives == 1; l.hidden = !first; return first }
		}, want: Result{Seen: 3, Chosen: 3, Redriven: 3, Both: 1}, uploads: numbers(0, 3)},
		{
			name: "what is redriven comes back for ever", letters: 15, set: recent,
			want: Result{Seen: 15, Chosen: 15, Redriven: 15, Newer: 15}, uploads: numbers(0, 15), left: numbers(0, 15),
		},
		{name: "filled faster than it is read", set: func(f *fakeQueues) {
			n := 0
			f.receive = func() (messages []types.Message, err error) {
				for range batch {
					n++
					l := letter{id: strconv.Itoa(n), sent: time.Now().Add(time.Minute)}
					messages = append(messages, l.message())
				}
				return messages, nil
			}
		}, want: Result{Newer: patience + batch, Hidden: patience + batch}},
		{name: "delivered twice", letters: 3, set: func(f *fakeQueues) {
			n := 0
			f.receive = func() ([]types.Message, error) {
				if n++; n == 2 {
					return []types.Message{{MessageId: aws.String("m1"), ReceiptHandle: aws.String("m1#2"), Body: aws.String("1")}}, nil
				}
				return nil, nil
			}
		}, want: Result{Seen: 3, Chosen: 3, Redriven: 3}, uploads: numbers(0, 3)},
		{name: "SQS hands out no more", letters: 12, set: func(f *fakeQueues) {
			n := 0
			f.receive = func() ([]types.Message, error) {
				if n++; n == 2 {
					return nil, &types.OverLimit{}
				}
				return nil, nil
			}
		}, want: Result{Seen: 10, Chosen: 10, Redriven: 10, More: true}, uploads: numbers(0, 10), left: []string{"10", "11"}},
		{name: "others hold some", letters: 1, set: func(f *fakeQueues) { f.busy = "7" }, want: Result{Seen: 1, Chosen: 1, Redriven: 1, Busy: 7}, uploads: []string{"0"}},
		{name: "receiving fails", letters: 12, choose: func(Letter) bool { return false }, set: func(f *fakeQueues) {
			n := 0
			f.receive = func() ([]types.Message, error) {
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
				tt.choose = everything
			}
			got, err := newRedriver(f).Redrive(t.Context(), tt.limit, tt.choose, nobody)
			if (err != nil) != tt.fails {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Letter{}, "Cause"), cmpopts.IgnoreUnexported(Letter{})); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			slices.Sort(f.uploads)
			if diff := cmp.Diff(tt.uploads, f.uploads); diff != "" {
				t.Errorf("in uploads (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.left, f.visible()); diff != "" {
				t.Errorf("visible among the dead (-want +got):\n%s", diff)
			}
			if n := len(f.letters) - len(f.visible()); n != tt.hidden {
				t.Errorf("%d are hidden among the dead, want %d", n, tt.hidden)
			}
		})
	}
}

// failAgain has everything that is redriven fail at once, as the next attempt,
// with letters that look as old as all others: a clock that stands still.
func failAgain(t *testing.T, f *fakeQueues) {
	old := time.Now().Add(-time.Hour)
	f.send = func(e types.SendMessageBatchRequestEntry) bool {
		m, err := upload.Decode([]byte(*e.MessageBody))
		if err != nil {
			f.bury(*e.MessageBody, old) // dispatch does not understand it, and SQS moves it as it is
			return false
		}
		for _, j := range m.Jobs {
			body, err := json.Marshal(upload.DeadLetter{Job: j, Error: "TagLimit"})
			if err != nil {
				t.Error(err)
			}
			f.bury(string(body), old)
		}
		return false
	}
}

// What comes back is left, whatever the clock says: once a run is a letter redriven.
func TestRedriveOnce(t *testing.T) {
	t.Parallel()
	letter, several := handedOver(t, "k", "TagLimit", ""), sample(t, "s3-several.json")
	tests := []struct {
		name   string
		bodies []string
		want   Result
		again  Result // of a second run
	}{
		{"one that fails again", []string{letter}, Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 1}, Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 1}},
		{"not understood", []string{"garbage"}, Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 1}, Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 1}},
		{
			"two letters of one job",
			[]string{letter, letter},
			Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 2},
			Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 2},
		},
		{
			"a rescan is another job than the upload",
			[]string{handedOver(t, "k", "TagLimit", ""), strings.Replace(letter, `"run":""`, `"run":"scan-1"`, 1)},
			Result{Seen: 2, Chosen: 2, Redriven: 2, Again: 2},
			Result{Seen: 2, Chosen: 2, Redriven: 2, Again: 2},
		},
		{"several uploads in one", []string{several}, Result{Seen: 1, Chosen: 1, Redriven: 1, Again: 2}, Result{Seen: 2, Chosen: 2, Redriven: 2, Again: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(0)
			for _, body := range test.bodies {
				f.bury(body, time.Now().Add(-time.Hour))
			}
			failAgain(t, f)
			for run, want := range []Result{test.want, test.again} {
				got, err := newRedriver(f).Redrive(t.Context(), 0, everything, nobody)
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

// Killed before any of its calls, a redrive has lost nothing: every letter is in
// one of the queues at least, and in both only as long as it takes to delete it.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	whole := newFake(25)
	if _, err := newRedriver(whole).Redrive(t.Context(), 0, everything, nobody); err != nil {
		t.Fatal(err)
	}
	for at := 1; at <= whole.calls; at++ {
		f := newFake(25)
		f.dieAt = at
		result, err := newRedriver(f).Redrive(t.Context(), 0, everything, nobody)
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at call %d of %d: %v", at, whole.calls, err)
		}
		dead := f.bodies(func(*letter) bool { return true })
		both := 0
		for _, body := range numbers(0, 25) {
			inDead, inUploads := slices.Contains(dead, body), slices.Contains(f.uploads, body)
			if !inDead && !inUploads {
				t.Errorf("killed at call %d: %s is lost", at, body)
			}
			if inDead && inUploads {
				both++
			}
		}
		if both > batch || both != result.Both || len(f.uploads) != result.Redriven {
			t.Errorf("killed at call %d: %d in both queues, %d in uploads, reported %+v", at, both, len(f.uploads), result)
		}
	}
}

// Told to stop, it finishes the batch at hand and gives back what it holds.
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
		t.Fatalf("error is %v", err)
	}
	if diff := cmp.Diff(Result{Seen: 20, Chosen: 10, Redriven: 10}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := len(f.visible()); n != 30 || len(f.uploads) != 10 {
		t.Errorf("%d visible among the dead, %d in uploads", n, len(f.uploads))
	}
}

func TestListChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(33)
	var listed []string
	got, err := newRedriver(f).List(t.Context(), 0, func(l Letter) bool { listed = append(listed, l.MessageID); return true })
	if err != nil || got.Seen != 33 || len(listed) != 33 {
		t.Fatalf("%+v, %v, listed %d", got, err, len(listed))
	}
	if diff := cmp.Diff(numbers(0, 33), f.visible()); diff != "" || len(f.uploads) > 0 {
		t.Errorf("the listing changed the queue: in uploads %v (-want +got):\n%s", f.uploads, diff)
	}
	f.dieAt = f.calls + 4 // two receives, then the end: nothing can be given back
	got, err = newRedriver(f).List(t.Context(), 0, everything)
	if err == nil || got.Hidden != 20 {
		t.Errorf("cut off: %+v, %v", got, err)
	}
}

// A message goes as it came, attributes included.
func TestAttributesGoAlong(t *testing.T) {
	t.Parallel()
	f := newFake(1)
	want := map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("x")}}
	f.letters[0].attributes = want
	if _, err := newRedriver(f).Redrive(t.Context(), 0, everything, nobody); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, f.attached[0], cmpopts.IgnoreUnexported(types.MessageAttributeValue{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// An answer that does not arrive takes its messages along, whether the SDK asks
// again or not. The result says so.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lose func(w http.ResponseWriter)
		want int // receives
	}{
		{"cut in the middle", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "1000") }, 1},
		{"cut before the beginning", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2},
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
				Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			})
			r := New(client, stack.Stack{Name: "lazaret", DeadLetters: server.URL + "/0/lazaret-dead-letters"})
			got, err := r.List(t.Context(), 0, everything)
			if int(receives.Load()) != tt.want || got.Lost != 1 || (err == nil) != (tt.want == 2) {
				t.Errorf("%+v, %v after %d receives", got, err, receives.Load())
			}
		})
	}
}

func TestLoads(t *testing.T) {
	t.Parallel()
	body := func(n int) parcel { return parcel{message: types.Message{Body: aws.String(strings.Repeat("x", n))}} }
	withAttribute := body(maxLoad - 10)
	withAttribute.message.MessageAttributes = map[string]types.MessageAttributeValue{"abcd": {DataType: aws.String("String")}}
	tests := []struct {
		name    string
		parcels []parcel
		want    []int // parcels in each load
	}{
		{"none", nil, nil},
		{"small ones", slices.Repeat([]parcel{body(10)}, 23), []int{10, 10, 3}},
		{"as large as they may be", slices.Repeat([]parcel{body(maxLoad)}, 3), []int{1, 1, 1}},
		{"just as much as fits", []parcel{body(maxLoad - 1), body(1), body(1)}, []int{2, 1}},
		{"attributes count", []parcel{withAttribute, body(1)}, []int{1, 1}},
		{"a large one between", []parcel{body(1), body(maxLoad), body(1), body(1)}, []int{1, 1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []int
			for _, load := range loads(tt.parcels) {
				got = append(got, len(load))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
