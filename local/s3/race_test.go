package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// bodyOf is a body from which everything else about its version follows.
func bodyOf(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat("x", n%3000)) }

// TestOverwrites overwrites two keys 500 times while others read, copy and
// delete: what is read belongs together, a version that is there is never missing,
// and nothing without a verdict comes through the gate.
func TestOverwrites(t *testing.T) {
	const writers, each = 2, 250
	t.Parallel()
	alice, tag, fetch, b := as("alice"), as("tag"), as("fetch"), "uploads"
	prefix := keyOfTest(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var written, reads, refused atomic.Int64
	var readers, writing sync.WaitGroup
	latest := [writers]atomic.Pointer[string]{}
	check := func(out *s3.GetObjectOutput, tags map[string]string) {
		body, err := io.ReadAll(out.Body)
		out.Body.Close()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("read a body: %v", err)
			return
		}
		n, _, _ := strings.Cut(string(body), " ")
		sum := md5.Sum(body)
		if eTag := `"` + hex.EncodeToString(
			sum[:],
		) + `"`; *out.ETag != eTag || out.Metadata["n"] != n ||
			*out.ContentLength != int64(len(body)) {
			t.Errorf("body %s has ETag %s, metadata %v, length %d", n, *out.ETag, out.Metadata, *out.ContentLength)
		}
		if tags != nil && tags["n"] != n {
			t.Errorf("body %s has the tags of %v", n, tags)
		}
		reads.Add(1)
	}
	for w := range writers {
		key := fmt.Sprintf("%s/%d", prefix, w)
		writing.Go(func() {
			for i := range each {
				n := w*each + i
				out, err := alice.PutObject(ctx, &s3.PutObjectInput{
					Bucket:   &b,
					Key:      &key,
					Body:     strings.NewReader(bodyOf(n)),
					Metadata: map[string]string{"n": fmt.Sprint(n)},
					Tagging:  aws.String(fmt.Sprint("n=", n)),
				})
				if err != nil {
					t.Errorf("overwrite %d: %v", n, err)
					return
				}
				written.Add(1)
				latest[w].Store(out.VersionId)
				if n%5 == 0 { // the others never get a verdict
					err := setTags(t, tag, b, key, *out.VersionId, "n", fmt.Sprint(n), "scan-status", "CLEAN")
					if err != nil {
						t.Errorf("tag %d: %v", n, err)
					}
				}
				if n%7 == 0 {
					if _, err := alice.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b, Key: &key}); err != nil {
						t.Errorf("delete %d: %v", n, err)
					}
				}
			}
		})
		readers.Go(func() { // through the gate: what comes has a verdict
			for ctx.Err() == nil {
				out, err := alice.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: &key})
				var refusal smithy.APIError
				switch {
				case ctx.Err() != nil:
				case errors.As(err, &refusal) && (refusal.ErrorCode() == "AccessDenied" || refusal.ErrorCode() == "NoSuchKey"):
					refused.Add(1)
				case err != nil:
					t.Errorf("read through the gate: %v", err)
				default:
					if n := 0; must2(fmt.Sscan(out.Metadata["n"], &n))(t) == 1 && n%5 != 0 {
						t.Errorf("version %d came through the gate without a verdict", n)
					}
					check(out, nil)
				}
			}
		})
		readers.Go(func() { // by version, around the gate
			for ctx.Err() == nil {
				id := latest[w].Load()
				if id == nil {
					continue
				}
				out, err := fetch.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: &key, VersionId: id})
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					t.Errorf("read by version: %v", err)
					return
				}
				check(out, tagsOf(t, fetch, b, key, *id))
				copied := key + "/copy"
				made, err := as("alice").CopyObject(ctx, &s3.CopyObjectInput{
					Bucket: aws.String("versioned"), Key: &copied, CopySource: aws.String(b + "/" + key),
				})
				if err != nil {
					continue // it has no verdict, or is deleted
				}
				got, err := fetch.GetObject(
					ctx,
					&s3.GetObjectInput{Bucket: aws.String("versioned"), Key: &copied, VersionId: made.VersionId},
				)
				if ctx.Err() == nil && err != nil {
					t.Errorf("read a copy: %v", err)
				} else if err == nil {
					tags := tagsOf(t, fetch, "versioned", copied, *made.VersionId)
					if tags["scan-status"] != "CLEAN" {
						t.Errorf("a copy has %v", tags)
					}
					check(got, tags)
				}
			}
		})
	}
	writing.Wait()
	stop()
	readers.Wait()
	if written.Load() != writers*each || reads.Load() < 20 || refused.Load() < 20 {
		t.Errorf(
			"%d overwrites, %d reads, %d refusals: the test proves little",
			written.Load(),
			reads.Load(),
			refused.Load(),
		)
	}
}

// TestConditionsExclude lets many clients create one key, and change it, at once:
// one wins each time.
func TestConditionsExclude(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	race := func(change func(*s3.PutObjectInput)) *s3.PutObjectOutput {
		t.Helper()
		var won atomic.Pointer[s3.PutObjectOutput]
		var wins atomic.Int64
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				in := &s3.PutObjectInput{Bucket: &b, Key: &k, Body: strings.NewReader(fmt.Sprint(i))}
				change(in)
				out, err := c.PutObject(t.Context(), in)
				if err == nil {
					wins.Add(1)
					won.Store(out)
					return
				}
				wantError(t, err, 412, "PreconditionFailed")
			})
		}
		all.Wait()
		if wins.Load() != 1 {
			t.Fatalf("%d writers won, want 1", wins.Load())
		}
		return won.Load()
	}
	out := race(func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
	for range 5 {
		eTag := out.ETag
		putBody(t, c, b, k, "same for all")
		head := must2(c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &k}))(t)
		if *head.ETag == *eTag {
			t.Fatal("the test proves nothing")
		}
		out = race(func(in *s3.PutObjectInput) { in.IfMatch = head.ETag })
	}
}
