package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
)

// s3API is what canary calls of S3.
type s3API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	GetObjectTagging(
		context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options),
	) (*s3.GetObjectTaggingOutput, error)
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// handler runs rounds.
type handler struct {
	s3         s3API
	place      canary.Place
	quarantine string // name of the quarantine bucket
	clean      string // name of the clean bucket; empty if clean objects stay where they are
	metrics    *metric.Emitter

	now   func() time.Time
	pause func(context.Context, time.Duration)
}

// Round is the result of a round, and the function's answer.
type Round struct {
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"` // one sentence for a person
	Seconds float64 `json:"seconds"`
}

// Outcome of a round.
type Outcome string

// Right means that both samples came out right and in time. Wrong is a sample with another verdict, in another place or
// with another record. Late is one that has not come out. Failed says that the round itself could not be made: nothing
// is known of the pipeline.
const (
	Right  Outcome = "right"
	Wrong  Outcome = "wrong"
	Late   Outcome = "late"
	Failed Outcome = "failed"
)

const (
	// longestWait is how long a sample may take. A cold engine takes 17 seconds, and the first definitions of a new
	// stack some minutes.
	longestWait = 12 * time.Minute
	// reserve is the time before the end of the invocation that removing and telling take.
	reserve = time.Minute
	// firstPause and longestPause are between two looks.
	firstPause, longestPause = time.Second, 5 * time.Second
)

// sample is an object of a round.
type sample struct {
	content []byte
	want    job.Verdict
	object  job.Object
}

// handle makes a round. If the outcome is not Right, it is the error too: Lambda then makes another round after a
// minute, so that an alarm that was raised by an accident ends soon.
func (h *handler) handle(ctx context.Context, _ json.RawMessage) (Round, error) {
	began := h.now()
	deadline := began.Add(longestWait)
	if end, ok := ctx.Deadline(); ok && end.Add(-reserve).Before(deadline) {
		deadline = end.Add(-reserve)
	}
	r := h.run(ctx, deadline)
	r.Seconds = h.now().Sub(began).Round(100 * time.Millisecond).Seconds()
	level, right := slog.LevelError, 0.0
	if r.Outcome == Right {
		level, right = slog.LevelInfo, 1
	}
	err := h.metrics.Emit(nil, metric.Value{Name: metric.CanaryRight, Unit: metric.Count, Value: right})
	slog.Log(ctx, level, "canary round ended", "outcome", r.Outcome, "detail", r.Detail, "seconds", r.Seconds)
	if r.Outcome != Right {
		err = errors.Join(err, fmt.Errorf("the round of the canary is %s: %s", r.Outcome, r.Detail))
	}
	return r, err
}

// run uploads the samples, waits for them until the deadline, and removes them. The second one is uploaded when the
// first has come out, so that both are scanned by the engine that the first one may have to start.
func (h *handler) run(ctx context.Context, deadline time.Time) Round {
	round := h.now().UTC().Format("20060102T150405Z-") + strings.ToLower(rand.Text()[:8])
	samples := []*sample{
		{content: eicar.Bytes(), want: job.Infected, object: h.object(round, "canary-eicar.com")},
		{content: canary.Clean(), want: job.Clean, object: h.object(round, "canary-clean.txt")},
	}
	began := h.now()
	r := Round{Outcome: Right}
	for _, s := range samples {
		if err := h.upload(ctx, s); err != nil {
			r = Round{Outcome: Failed, Detail: err.Error()}
			break
		}
		if r = h.await(ctx, s, deadline); r.Outcome != Right {
			break
		}
	}
	if r.Outcome == Right {
		r.Detail = fmt.Sprintf("EICAR is in quarantine and the clean sample %s, after %s",
			h.whereClean(), h.now().Sub(began).Round(time.Second))
	}
	// What did not come out right stays for an hour, so that a person can look at it.
	own := ""
	if r.Outcome == Right {
		own = round
	}
	if err := h.remove(ctx, own, samples); err != nil {
		if r.Outcome == Right {
			r.Outcome = Failed
		}
		r.Detail += "; " + err.Error()
	}
	return r
}

// object returns a sample's object without its version.
func (h *handler) object(round, name string) job.Object {
	return job.Object{Bucket: h.place.Bucket, Key: h.place.Prefix + round + "/" + name}
}

// upload uploads a sample and notes its version.
func (h *handler) upload(ctx context.Context, s *sample) error {
	out, err := h.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.object.Bucket, Key: &s.object.Key, Body: bytes.NewReader(s.content),
	})
	if err != nil {
		return fmt.Errorf("upload %s: %w", s.object, awserr.Classify(err))
	}
	if s.object.VersionID = aws.ToString(out.VersionId); s.object.Pinned() == "" {
		return fmt.Errorf("upload %s: the bucket keeps no versions, without which a verdict belongs to no bytes", s.object)
	}
	return nil
}

// await looks at a sample until it has come out, or until the deadline.
func (h *handler) await(ctx context.Context, s *sample, deadline time.Time) Round {
	began, wait := h.now(), firstPause
	for {
		pending, err := h.look(ctx, s)
		switch {
		case errors.Is(err, errWrong):
			return Round{Outcome: Wrong, Detail: err.Error()}
		case errors.Is(err, job.ErrAccessDenied):
			return Round{Outcome: Failed, Detail: err.Error()}
		case err != nil:
			pending = err.Error()
		case pending == "":
			return Round{Outcome: Right}
		}
		if ctx.Err() != nil || !h.now().Add(wait).Before(deadline) {
			return Round{Outcome: Late, Detail: fmt.Sprintf("after %s: %s", h.now().Sub(began).Round(time.Second), pending)}
		}
		h.pause(ctx, wait)
		wait = min(wait*3/2, longestPause)
	}
}

func (h *handler) whereClean() string {
	if h.clean != "" {
		return "in the clean bucket"
	}
	return "is tagged CLEAN"
}
