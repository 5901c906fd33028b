package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// sampler reads objects as an ordinary user does, all the time, and keeps what could be read and must not.
type sampler struct {
	s3     *s3.Client // that repeats nothing itself
	ledger *ledger
	clean  bool // whether there is a clean bucket

	mu       sync.Mutex
	served   int // reads that gave an object
	refused  int // that were refused
	guarded  int // those of refused that were of versions that are not clean
	missing  int
	broken   int // that had no answer, or half of one
	breaches []string
}

// samplePause is the time between two reads of one reader.
const samplePause = 15 * time.Millisecond

// run reads until ctx ends.
func (s *sampler) run(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		if v := s.ledger.random(r); v != nil {
			s.read(ctx, v, s.place(r, v))
		}
		select {
		case <-ctx.Done():
		case <-time.After(samplePause):
		}
	}
}

// place returns a request that a reader may make about a version: for the version, a part of it, its key, or where a
// copy of it may be.
func (s *sampler) place(r *rand.Rand, v *version) *s3.GetObjectInput {
	in := &s3.GetObjectInput{Bucket: aws.String(harness.Uploads), Key: &v.key}
	draw := r.IntN(10)
	switch {
	case draw < 4:
		in.VersionId = &v.id
	case draw < 5:
		in.VersionId, in.Range = &v.id, aws.String("bytes=0-9")
	case draw < 6:
		in.Bucket, in.Key = aws.String(harness.Quarantine), aws.String(v.object().QuarantineKey())
	case draw < 8 && s.clean:
		in.Bucket = aws.String(harness.Clean)
	}
	return in
}

// read makes one read, and keeps its result.
func (s *sampler) read(ctx context.Context, v *version, in *s3.GetObjectInput) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := s.s3.GetObject(ctx, in)
	var content []byte
	if err == nil {
		content, err = io.ReadAll(out.Body)
		_ = out.Body.Close() // it has been read
		if err != nil {
			s.count(&s.broken, "")
			return
		}
	}
	switch awsclient.Status(err) {
	case http.StatusOK:
		s.count(&s.served, s.judge(v, in, content))
	case http.StatusForbidden:
		if v.upload.kind.want != job.Clean {
			s.count(&s.guarded, "")
		}
		s.count(&s.refused, "")
	case http.StatusNotFound:
		s.count(&s.missing, "")
	default:
		s.count(&s.broken, "")
	}
}

// judge returns what is wrong with an object that was read, "" if nothing is.
func (s *sampler) judge(v *version, in *s3.GetObjectInput, content []byte) string {
	where := job.Object{Bucket: *in.Bucket, Key: *in.Key, VersionID: aws.ToString(in.VersionId)}
	want := v.upload.kind.want // of the version, if the request names it
	if in.VersionId == nil {
		want = s.ledger.verdictOf(content)
	}
	switch {
	case *in.Bucket == harness.Quarantine:
		return fmt.Sprintf("%s could be read from quarantine", where)
	case want == "":
		return fmt.Sprintf("%s had bytes that nobody uploaded", where)
	case want != job.Clean:
		return fmt.Sprintf("%s could be read, and its verdict must be %s", where, want)
	}
	return ""
}

// count adds 1 to a counter, and keeps a breach unless it is "".
func (s *sampler) count(counter *int, breach string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*counter++
	if breach != "" {
		s.breaches = append(s.breaches, fmt.Sprintf("%s at %s", breach, time.Now().Format("15:04:05.000")))
	}
}

// summary returns one line about all reads.
func (s *sampler) summary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d reads: %d served, %d refused (%d of them of versions that are not clean), %d of nothing, "+
		"%d without an answer", s.served+s.refused+s.missing+s.broken, s.served, s.refused, s.guarded, s.missing, s.broken)
}
