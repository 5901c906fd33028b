package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
)

// bucket is the records bucket in memory. It tells whole seconds, as S3 does, and pages of three objects.
type bucket struct {
	mu     sync.Mutex
	clock  time.Time
	bodies map[string]string
	times  map[string]time.Time
	fail   func(op string) error
}

func newBucket() *bucket {
	return &bucket{
		clock:  time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC),
		bodies: map[string]string{}, times: map[string]time.Time{},
		fail: func(string) error { return nil },
	}
}

func (b *bucket) PutObject(
	_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options),
) (*s3.PutObjectOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail("PutObject"); err != nil {
		return nil, err
	}
	if _, there := b.bodies[*in.Key]; there && aws.ToString(in.IfNoneMatch) == "*" {
		return nil, s3fake.Err("PutObject", 412, "PreconditionFailed", "")
	}
	body, err := io.ReadAll(in.Body)
	b.bodies[*in.Key], b.times[*in.Key] = string(body), b.clock.Truncate(time.Second)
	return &s3.PutObjectOutput{}, err
}

func (b *bucket) ListObjectsV2(
	_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options),
) (*s3.ListObjectsV2Output, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail("ListObjectsV2"); err != nil {
		return nil, err
	}
	out := &s3.ListObjectsV2Output{}
	for _, key := range b.keys() {
		if !strings.HasPrefix(key, *in.Prefix) || key <= aws.ToString(in.ContinuationToken) {
			continue
		}
		if len(out.Contents) == 3 {
			out.IsTruncated, out.NextContinuationToken = aws.Bool(true), out.Contents[2].Key
			break
		}
		out.Contents = append(out.Contents, types.Object{Key: aws.String(key), LastModified: aws.Time(b.times[key])})
	}
	return out, nil
}

func (b *bucket) GetObject(
	_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(b.bodies[*in.Key]))}, b.fail("GetObject")
}

func (b *bucket) keys() (keys []string) {
	for key := range b.bodies {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

const bad = "Win.Bad/1-0"

func file(n int) File {
	return File{Signature: bad, SHA256: fmt.Sprintf("%064x", n), Object: fmt.Sprintf("s3://uploads/%d", n)}
}

// holds asks about a file, and fails the test on an error.
func holds(t *testing.T, c *Counter, f File) bool {
	t.Helper()
	held, err := c.Holds(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// TestLimit checks that a signature that hits many different files is held after the limit, stays held
// when the window has passed, and is let go when an operator confirms it.
func TestLimit(t *testing.T) {
	t.Parallel()
	b := newBucket()
	c := &Counter{S3: b, Bucket: "records", Limit: 5}
	for n := range 12 {
		b.clock = b.clock.Add(time.Minute)
		if held := holds(t, c, file(n)); held != (n >= 5) {
			t.Errorf("file %d: held %t, want %t", n, held, n >= 5)
		}
	}
	// Five files, the sixth, and the mark that it has left: no more, however many come.
	if got := len(b.keys()); got != 7 {
		t.Errorf("%d objects in the bucket, want 7: %q", got, b.keys())
	}
	b.clock = b.clock.Add(5 * Window)
	for n, want := range map[int]bool{0: false, 4: false, 5: true, 11: true, 99: true} {
		if held := holds(t, c, file(n)); held != want {
			t.Errorf("file %d again, hours later: held %t, want %t", n, held, want)
		}
	}
	other := file(99)
	other.Signature = bad + "/tripped"
	if holds(t, c, other) {
		t.Error("another signature is held, want it moved")
	}
	if err := (Records{b, "records"}).Confirm(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	if holds(t, c, file(99)) {
		t.Error("held after Confirm, want it moved")
	}
}

// TestOutbreak checks that one file is never held, however often it comes, and that slow variants are
// not.
func TestOutbreak(t *testing.T) {
	t.Parallel()
	b := newBucket()
	c := &Counter{S3: b, Bucket: "records", Limit: 5}
	for n := range 60 {
		f := file(1)
		f.Object = fmt.Sprintf("s3://uploads/copy-%d", n)
		if holds(t, c, f) {
			t.Fatalf("copy %d of one file is held, want it moved", n)
		}
	}
	slow := newBucket()
	c.S3 = slow
	for n := range 60 {
		slow.clock = slow.clock.Add(Window / 5)
		if holds(t, c, file(n)) {
			t.Fatalf("variant %d of a slow outbreak is held, want it moved", n)
		}
	}
}

// TestAtOnce checks how many files are moved when engines work at the same time, in the same second.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	const limit, engines, files = 5, 8, 200
	b := newBucket()
	c := &Counter{S3: b, Bucket: "records", Limit: limit}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next, moved := 0, 0
	for range engines {
		wg.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= files {
					return
				}
				held, err := c.Holds(t.Context(), file(files-n)) // the later, the smaller its name
				mu.Lock()
				if err != nil {
					t.Error(err)
				} else if !held {
					moved++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if moved > limit {
		t.Errorf("%d files moved, want at most %d", moved, limit)
	}
	if got := len(b.keys()); got > limit+engines+1 {
		t.Errorf("%d objects recorded, want at most %d", got, limit+engines+1)
	}
}

// TestLost checks that files are moved when the counts are lost.
func TestLost(t *testing.T) {
	t.Parallel()
	b := newBucket()
	c := &Counter{S3: b, Bucket: "records", Limit: 1}
	if holds(t, c, file(1)) || !holds(t, c, file(2)) {
		t.Fatal("want the first file moved and the second one held")
	}
	clear(b.bodies)
	if holds(t, c, file(2)) {
		t.Error("held although nothing is recorded, want it moved")
	}
}

// TestFailures checks that a failure of S3 is an error that says what failed, at each call.
func TestFailures(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 4; n++ {
		b := newBucket()
		c := &Counter{S3: b, Bucket: "records", Limit: 1}
		holds(t, c, file(1))
		calls := 0
		b.fail = func(op string) error {
			if calls++; calls == n {
				return s3fake.Err(op, 503, "SlowDown", "")
			}
			return nil
		}
		_, err := c.Holds(t.Context(), file(2))
		if !errors.Is(err, job.ErrTransient) || !strings.Contains(err.Error(), "s3://records/trials/Win.Bad%2F1-0/") {
			t.Errorf("call %d fails: got %v, want a job.ErrTransient that names the place", n, err)
		}
		b.fail = func(string) error { return nil }
		if !holds(t, c, file(2)) {
			t.Errorf("call %d failed: the next attempt moves the file, want it held", n)
		}
	}
}

// TestList checks what an operator sees of the trials.
func TestList(t *testing.T) {
	t.Parallel()
	b := newBucket()
	c := &Counter{S3: b, Bucket: "records", Limit: 1}
	if err := (Records{b, "records"}).Confirm(t.Context(), bad); !errors.Is(err, ErrNoTrial) {
		t.Errorf("Confirm() of a signature that holds nothing: %v, want ErrNoTrial", err)
	}
	long := strings.Repeat("Ä", 400)
	for _, signature := range []string{"Harmless", bad, long} {
		b.clock = b.clock.Add(time.Minute)
		for n := range 2 {
			f := file(n)
			if f.Signature = signature; signature == "Harmless" {
				f.SHA256 = "the same"
			}
			holds(t, c, f)
		}
	}
	if err := (Records{b, "records"}).Confirm(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	all, err := Records{b, "records"}.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("List() = %+v, %v, want two", all, err)
	}
	if all[0].Signature != long || all[0].Confirmed || all[1].Signature != bad || !all[1].Confirmed ||
		!all[0].Since.Equal(b.clock) {
		t.Errorf("List() = %+v, want the long one, and %s confirmed", all, bad)
	}
	for _, op := range []string{"ListObjectsV2", "GetObject"} {
		b.fail = func(called string) error {
			if called == op {
				return s3fake.Err(op, 403, "AccessDenied", "")
			}
			return nil
		}
		if _, err := (Records{b, "records"}).List(t.Context()); !errors.Is(err, job.ErrAccessDenied) {
			t.Errorf("%s is refused: %v, want a job.ErrAccessDenied", op, err)
		}
	}
}

// TestEncode checks that each name has a part of a key of its own.
func TestEncode(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{
		"Win.A-1-0", "a/b", "a%2Fb", "", ".", "..", "ä b", strings.Repeat("x", 400), strings.Repeat("x", 401),
		strings.Repeat("x", 402), strings.Repeat("/", 900),
	} {
		got := encode(name)
		if got == "" || strings.ContainsAny(got, "/ ?#") || len(got) > 500 || strings.Trim(got, ".") == "" {
			t.Errorf("encode(%q) = %q, want a part of a key", name, got)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("encode(%q) = encode(%q) = %q, want different ones", name, other, got)
		}
		seen[got] = name
	}
}
