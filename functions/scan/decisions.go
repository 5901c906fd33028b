package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/decision"
)

// How old the index of blocked contents may be in this environment. It is read again after refreshAge, beside the
// engine's work. Where that fails, the one that is there is used until maxAge; after that there is no verdict.
const (
	refreshAge = time.Minute
	maxAge     = 5 * time.Minute
)

// readTime is how long the index may take to be read. S3 answers within milliseconds.
const readTime = 10 * time.Second

// maxDocument is the most bytes of a document that are read: those of an index of decision.MaxBlocked contents, and
// of an entry with decision.MaxReleases releases.
const maxDocument = 8 << 20

// getAPI is what scan calls of S3.
type getAPI interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// decisions reads what operators have decided about contents.
type decisions struct {
	s3     getAPI
	bucket string // the records bucket
	now    func() time.Time

	mu    sync.Mutex // held while the index is read, so that one request is made at a time
	index decision.Index
	eTag  *string
	read  time.Time // when S3 last answered; zero before it did
}

// refresh begins to read the index, if it is old enough, and returns at once. What wait returns says whether the index
// may be used.
func (d *decisions) refresh(ctx context.Context) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- d.readIndex(ctx) }()
	return func() error { return <-done }
}

// readIndex reads the index, unless it was read less than refreshAge ago. An error is one after which the index is
// too old to be used.
func (d *decisions) readIndex(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read.IsZero() && d.now().Sub(d.read) < refreshAge {
		return nil
	}
	// The environment may be frozen during the request: then the connection may be dead, and nobody says so.
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	asked := d.now()
	body, eTag, err := d.get(ctx, decision.IndexKey, d.eTag)
	switch {
	case err == nil && body == nil && eTag == nil: // there is none: nothing was ever blocked
		d.index, d.eTag = decision.Index{}, nil
	case err == nil && body != nil:
		var index decision.Index
		if index, err = decision.DecodeIndex(body); err == nil {
			d.index, d.eTag = index, eTag
		}
	}
	if err == nil {
		d.read = asked
		return nil
	}
	err = fmt.Errorf("read the blocked contents s3://%s/%s: %w", d.bucket, decision.IndexKey, err)
	if d.read.IsZero() || asked.Sub(d.read) >= maxAge {
		return err
	}
	slog.WarnContext(ctx, "scan", "cause", err.Error())
	return nil
}

// isBlocked reports whether a content is blocked. Where the index has it, its entry is asked too: an index may be a
// minute old, and what is no longer blocked must not be moved.
func (d *decisions) isBlocked(ctx context.Context, sha256 string) (bool, error) {
	d.mu.Lock()
	listed := d.index.Has(sha256)
	d.mu.Unlock()
	if !listed {
		return false, nil
	}
	body, _, err := d.get(ctx, decision.BlockedKey(sha256), nil)
	if err != nil {
		return false, fmt.Errorf("read s3://%s/%s: %w", d.bucket, decision.BlockedKey(sha256), err)
	}
	return body != nil, nil
}

// allowed returns the entry that allows a content, nil if there is none.
func (d *decisions) allowed(ctx context.Context, sha256 string) (*decision.Allowed, error) {
	key := decision.AllowedKey(sha256)
	body, _, err := d.get(ctx, key, nil)
	var entry *decision.Allowed
	if err == nil && body != nil {
		entry, err = decision.DecodeAllowed(body, sha256)
	}
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", d.bucket, key, err)
	}
	return entry, nil
}

// get returns an object and its ETag: neither if there is no object, and the ETag alone if it is still unless.
func (d *decisions) get(ctx context.Context, key string, unless *string) (body []byte, eTag *string, err error) {
	out, err := d.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &d.bucket, Key: &key, IfNoneMatch: unless})
	switch {
	case awserr.NotModified(err):
		return nil, unless, nil
	case awserr.NotFound(err):
		return nil, nil, nil
	case err != nil:
		return nil, nil, awserr.Classify(err)
	}
	defer out.Body.Close()
	body, err = io.ReadAll(io.LimitReader(out.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, nil, awserr.Classify(err)
	case len(body) > maxDocument:
		return nil, nil, fmt.Errorf("it has more than %d bytes", maxDocument)
	case body == nil:
		body = []byte{}
	}
	return body, aws.String(aws.ToString(out.ETag)), nil
}
