package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/template"
)

// measureFetch has the fetch function download one large object from the local S3, and compares that with s5cmd and
// sha256sum, which do the same one after the other, and with one stream that is thrown away.
func measureFetch(ctx context.Context, b *benchmark) (err error) {
	s, err := b.startStack(ctx, settings{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	// This bucket sends no events, so the object is not scanned.
	bucket, key := "bench-large", "large.bin"
	if _, err := s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		return fmt.Errorf("create bucket: %w", err)
	}
	if err := s.putLarge(ctx, bucket, key, b.amount.Large); err != nil {
		return err
	}
	volume, err := b.dir("volume")
	if err != nil {
		return err
	}
	e, err := b.startFunction(ctx, "fetch", volume, s.endpoint)
	if err != nil {
		return err
	}
	defer e.stop()
	var t fetchTimes
	watching, err := beginWatch()
	if err != nil {
		return err
	}
	for range b.amount.Fetches { // in turns, so that other work slows all in the same way
		if err := t.measure(ctx, b, s, e, bucket, key); err != nil {
			return err
		}
	}
	l, err := watching.end()
	if err != nil {
		return err
	}
	peak, err := processMemory(e.cmd.Process.Pid, "VmHWM")
	if err != nil {
		return err
	}
	t.report(b, l)
	b.report.during(load{}).atMost(fetchName(b)+"peak RSS", peak, "MB", 128)
	return nil
}

func fetchName(b *benchmark) string { return fmt.Sprintf("%d MiB: ", b.amount.Large>>20) }

// fetchTimes are how long each way took.
type fetchTimes struct{ fetch, plain, copied, hashed []time.Duration }

// measure measures each way once.
func (t *fetchTimes) measure(
	ctx context.Context, b *benchmark, s *localStack, e *environment, bucket, key string,
) error {
	head, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read the headers of %s: %w", key, err)
	}
	event, err := json.Marshal(job.Job{Version: job.Version, Object: job.Object{
		Bucket: bucket, Key: key, ETag: aws.ToString(head.ETag), Size: b.amount.Large,
		Sequencer: strconv.Itoa(len(t.fetch) + 1),
	}})
	if err != nil {
		return fmt.Errorf("encode the job: %w", err)
	}
	start := time.Now()
	if _, err := e.invoke(ctx, event); err != nil {
		return err
	}
	t.fetch = append(t.fetch, time.Since(start))
	plain, err := s.read(ctx, bucket, key)
	if err != nil {
		return err
	}
	t.plain = append(t.plain, plain)
	if b.s5cmd == "" {
		return nil
	}
	return t.measureTools(ctx, b, s, "s3://"+bucket+"/"+key)
}

// measureTools measures s5cmd and sha256sum.
func (t *fetchTimes) measureTools(ctx context.Context, b *benchmark, s *localStack, address string) error {
	path := filepath.Join(b.work, "copied")
	run := func(name string, args ...string) (time.Duration, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_REGION="+template.Region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s: %w: %s", cmd, err, out)
		}
		return time.Since(start), nil
	}
	copied, err := run(b.s5cmd, "--endpoint-url", s.endpoint, "cp", address, path)
	if err != nil {
		return err
	}
	hashed, err := run("sha256sum", path)
	if err != nil {
		return err
	}
	t.copied, t.hashed = append(t.copied, copied), append(t.hashed, copied+hashed)
	return os.Remove(path)
}

func (t *fetchTimes) report(b *benchmark, l load) {
	name, f := fetchName(b), b.report.during(l)
	megabytes := float64(b.amount.Large) / 1e6
	rate := func(all []time.Duration) float64 { return megabytes / percentile(all, 50).Seconds() }
	f.plain(name+"to the work file, hashed", rate(t.fetch), "MB/s")
	f.plain(name+"read and thrown away, one stream", rate(t.plain), "MB/s")
	if t.copied == nil {
		return
	}
	f.plain(name+"s5cmd cp, then sha256sum", rate(t.hashed), "MB/s")
	f.plain(name+"s5cmd cp alone", rate(t.copied), "MB/s")
	f.ratio(row{
		Name: name + "of the rate of s5cmd cp, then sha256sum", Value: 100 * rate(t.fetch) / rate(t.hashed), Unit: "%",
		Aim: 80, AtLeast: true,
	})
	f.ratio(row{Name: name + "of the rate of s5cmd cp alone", Value: 100 * rate(t.fetch) / rate(t.copied), Unit: "%"})
}

// putLarge uploads an object in parts, as every tool does with objects of this size.
func (s *localStack) putLarge(ctx context.Context, bucket, key string, size int64) error {
	const part = 16 << 20
	content := text(0, part)
	upload, err := s.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("begin the upload of %s: %w", key, err)
	}
	parts := &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: new(types.CompletedMultipartUpload),
	}
	for left := size; left > 0; left -= part {
		number := aws.Int32(int32(len(parts.MultipartUpload.Parts) + 1))
		out, err := s.s3.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: number,
			Body: bytes.NewReader(content[:min(part, left)]),
		})
		if err != nil {
			return fmt.Errorf("upload part %d of %s: %w", *number, key, err)
		}
		parts.MultipartUpload.Parts = append(parts.MultipartUpload.Parts, types.CompletedPart{
			ETag: out.ETag, PartNumber: number, ChecksumCRC32: out.ChecksumCRC32,
		})
	}
	if _, err := s.s3.CompleteMultipartUpload(ctx, parts); err != nil {
		return fmt.Errorf("complete the upload of %s: %w", key, err)
	}
	return nil
}

// read downloads the whole object in one stream, and returns how long that took.
func (s *localStack) read(ctx context.Context, bucket, key string) (time.Duration, error) {
	start := time.Now()
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	defer out.Body.Close()
	if _, err := io.Copy(io.Discard, out.Body); err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	return time.Since(start), nil
}
