package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/workdir"
)

const (
	// partSize and parallel keep about half a gigabit in flight for a latency
	// of S3's order, and with buffers the memory at 48 MiB.
	partSize = 8 << 20
	parallel = 4
	// buffers is how many parts may wait for their turn to be hashed.
	buffers = 6
)

// download writes the object to the work file and returns the hex SHA-256 of
// its bytes. Each part is asked for under the same version or ETag, so all of
// them are of one object; their sum must be what S3 says it is.
func (h *handler) download(ctx context.Context, o job.Object, s stored, name string) (string, error) {
	f, err := h.dir.Create(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // once more after Publish, which reports it, is harmless
	d := &parts{o: o, s: s, get: h.s3, file: f, free: make(chan []byte, buffers)}
	for range min(buffers, d.count()) {
		d.free <- nil // grown when it is first used: a small object needs a small one
	}
	d.done = make([]chan []byte, d.count())
	for i := range d.done {
		d.done[i] = make(chan []byte, 1)
	}
	group, ctx := errgroup.WithContext(ctx)
	for range min(parallel, d.count()) {
		group.Go(func() error { return d.work(ctx) })
	}
	hash := sha256.New()
	group.Go(func() error { return d.hash(ctx, hash) })
	if err := group.Wait(); err != nil {
		return "", awserr.Classify(err) // the end of the invocation's time among others
	}
	for _, c := range s.checksums {
		if err := c.check(); err != nil {
			return "", err
		}
	}
	if err := h.dir.Publish(name, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// parts is one download: workers fetch and write, one goroutine hashes what
// they fetched, in order.
type parts struct {
	o    job.Object
	s    stored
	get  objects
	file *os.File

	free chan []byte   // buffers to use
	done []chan []byte // by part: its bytes, once they are in the file

	mu   sync.Mutex
	next int // the first part that nobody has taken
}

func (p *parts) count() int {
	return int((p.s.size + partSize - 1) / partSize)
}

// work takes parts until there are none. The buffer comes first: so the lowest
// part that is out always has one, and the hash never waits for ever.
func (p *parts) work(ctx context.Context) error {
	for {
		var buf []byte
		select {
		case buf = <-p.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		p.mu.Lock()
		i := p.next
		p.next++
		p.mu.Unlock()
		if i >= p.count() {
			p.free <- buf
			return nil
		}
		offset := int64(i) * partSize
		size := int(min(partSize, p.s.size-offset))
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if err := p.fetch(ctx, buf, offset); err != nil {
			return fmt.Errorf("get bytes %d to %d of %d: %w", offset, offset+int64(size)-1, p.s.size, err)
		}
		if _, err := p.file.WriteAt(buf, offset); err != nil {
			return fmt.Errorf("write work file: %w", workdir.Transient(err))
		}
		p.done[i] <- buf
	}
}

// fetch fills buf from the object. An answer of another length, short or long,
// is not the range that was asked for.
func (p *parts) fetch(ctx context.Context, buf []byte, offset int64) error {
	in := &s3.GetObjectInput{Bucket: &p.o.Bucket, Key: &p.o.Key, VersionId: p.s.id, IfMatch: aws.String(original.Quoted(p.s.eTag))}
	if int64(len(buf)) < p.s.size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(buf))-1))
	}
	out, err := p.get.GetObject(ctx, in)
	if err != nil {
		return meaning(err)
	}
	defer out.Body.Close()
	if n := aws.ToInt64(out.ContentLength); n != int64(len(buf)) {
		return fmt.Errorf("%w: S3 announced %d bytes", job.ErrTransient, n)
	}
	if _, err := io.ReadFull(out.Body, buf); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: the body was cut off", job.ErrTransient)
		}
		return fmt.Errorf("%w: read the body: %w", job.ErrTransient, err)
	}
	return nil
}

// hash feeds the parts to h and to S3's checksums as their turn comes.
func (p *parts) hash(ctx context.Context, h hash.Hash) error {
	sinks := []io.Writer{h}
	for _, c := range p.s.checksums {
		sinks = append(sinks, c.hash)
	}
	all := io.MultiWriter(sinks...)
	for _, done := range p.done {
		select {
		case buf := <-done:
			if _, err := all.Write(buf); err != nil {
				return fmt.Errorf("hash: %w", err)
			}
			p.free <- buf
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
