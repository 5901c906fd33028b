package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	// partSize is the size of one ranged GetObject in bytes, and parallel how many of them run at once.
	// With the latency of S3 this is about half a gigabit per second.
	partSize = 8 << 20
	parallel = 4
	// buffers is how many parts may be in memory, 48 MiB in all: those that download, and those that wait
	// to be hashed in order.
	buffers = 6
)

// download writes the object to the work file called name and returns the SHA-256 of its bytes in
// hexadecimal. Every GetObject names the same version or ETag, so that all parts come from the same
// object. The checksums of the head must match. An error of the context is an ErrTransient.
func (h *handler) download(ctx context.Context, o job.Object, head objectHead, name string) (string, error) {
	f, err := h.dir.Create(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // Publish closes it too, and reports the error
	d := &download{object: o, head: head, s3: h.s3, file: f, sha256: sha256.New()}
	get := d.inParts
	if head.body != nil {
		get = d.fromBody
	}
	if err := get(ctx); err != nil {
		return "", awserr.Classify(err)
	}
	for _, c := range head.checksums {
		if err := c.check(); err != nil {
			return "", err
		}
	}
	if err := h.dir.Publish(name, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(d.sha256.Sum(nil)), nil
}

// download is one object on its way to the work file. Several goroutines fetch
// parts and write them; one hashes the parts in their order.
type download struct {
	object job.Object
	head   objectHead
	s3     s3API
	file   *os.File
	sha256 hash.Hash // of the bytes in their order

	free chan []byte   // buffers that are not in use
	done []chan []byte // for each part, its bytes once they are in the file

	mu   sync.Mutex
	next int // number of the next part to fetch, from 0
}

// fromBody writes and hashes the bytes that came with the object's metadata.
func (d *download) fromBody(context.Context) error {
	if _, err := d.file.Write(d.head.body); err != nil {
		return fmt.Errorf("write work file: %w", workdir.Transient(err))
	}
	return d.hash(d.head.body)
}

// inParts fetches the object in parts of partSize.
func (d *download) inParts(ctx context.Context) error {
	d.free = make(chan []byte, buffers)
	for range min(buffers, d.count()) {
		d.free <- nil // allocated at first use, in the size of the part
	}
	d.done = make([]chan []byte, d.count())
	for i := range d.done {
		d.done[i] = make(chan []byte, 1)
	}
	group, ctx := errgroup.WithContext(ctx)
	for range min(parallel, d.count()) {
		group.Go(func() error { return d.fetchParts(ctx) })
	}
	group.Go(func() error { return d.hashParts(ctx) })
	return group.Wait()
}

// count returns the number of parts.
func (d *download) count() int {
	return int((d.head.size + partSize - 1) / partSize)
}

// fetchParts fetches parts until none is left. It takes a buffer before it takes a part, so that the
// lowest unfinished part always has a buffer and hashParts never waits for a part that waits for a
// buffer.
func (d *download) fetchParts(ctx context.Context) error {
	for {
		var buf []byte
		select {
		case buf = <-d.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		d.mu.Lock()
		i := d.next
		d.next++
		d.mu.Unlock()
		if i >= d.count() {
			d.free <- buf
			return nil
		}
		offset := int64(i) * partSize
		size := int(min(partSize, d.head.size-offset))
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if err := d.fetchRange(ctx, buf, offset); err != nil {
			return fmt.Errorf("get bytes %d to %d of %d: %w", offset, offset+int64(size)-1, d.head.size, err)
		}
		if _, err := d.file.WriteAt(buf, offset); err != nil {
			return fmt.Errorf("write work file: %w", workdir.Transient(err))
		}
		d.done[i] <- buf
	}
}

// fetchRange fills buf with the object's bytes from offset on. An answer of another length is an
// ErrTransient.
func (d *download) fetchRange(ctx context.Context, buf []byte, offset int64) error {
	in := &s3.GetObjectInput{
		Bucket:    &d.object.Bucket,
		Key:       &d.object.Key,
		VersionId: d.head.id,
		IfMatch:   aws.String(original.Quoted(d.head.eTag)),
	}
	if int64(len(buf)) < d.head.size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(buf))-1))
	}
	out, err := d.s3.GetObject(ctx, in)
	if err != nil {
		return original.Classify(err)
	}
	defer out.Body.Close()
	if n := aws.ToInt64(out.ContentLength); n != int64(len(buf)) {
		return fmt.Errorf("%w: the answer has %d bytes, want %d", job.ErrTransient, n, len(buf))
	}
	return readBody(out.Body, buf)
}

// hashParts hashes the parts in their order.
func (d *download) hashParts(ctx context.Context) error {
	for _, done := range d.done {
		select {
		case buf := <-done:
			if err := d.hash(buf); err != nil {
				return err
			}
			d.free <- buf
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// hash adds bytes to the SHA-256 and to the hashes of S3's checksums.
func (d *download) hash(b []byte) error {
	hashes := []io.Writer{d.sha256}
	for _, c := range d.head.checksums {
		hashes = append(hashes, c.hash)
	}
	if _, err := io.MultiWriter(hashes...).Write(b); err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	return nil
}
