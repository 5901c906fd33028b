package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// measureFetch lets the fetch function bring one large object from the local
// S3, and reads the same object once without keeping it, which is what that S3
// can give.
func measureFetch(ctx context.Context, l *lab) (err error) {
	s, err := l.startStack(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	// A bucket of its own: nothing announces its objects, so nobody scans them
	// meanwhile.
	bucket, key := "bench-large", "large.bin"
	if _, err := s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		return fmt.Errorf("create bucket: %w", err)
	}
	if err := s.putLarge(ctx, bucket, key, l.amount.Large); err != nil {
		return err
	}
	plain, err := s.read(ctx, bucket, key)
	if err != nil {
		return err
	}
	volume, err := l.dir("volume")
	if err != nil {
		return err
	}
	e, err := l.startFunction(ctx, "fetch", volume, s.endpoint)
	if err != nil {
		return err
	}
	defer e.stop()
	head, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("head object: %w", err)
	}
	event, err := json.Marshal(job.Job{Version: job.Version, Object: job.Object{
		Bucket: bucket, Key: key, ETag: aws.ToString(head.ETag), Size: l.amount.Large, Sequencer: "1",
	}})
	if err != nil {
		return fmt.Errorf("encode the job: %w", err)
	}
	start := time.Now()
	if _, err := e.invoke(ctx, event); err != nil {
		return err
	}
	took := time.Since(start)
	peak, err := processMemory(e.cmd.Process.Pid, "VmHWM")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("fetch of %d MiB: ", l.amount.Large>>20)
	megabytes := float64(l.amount.Large) / 1e6
	l.report.plain(name+"to the work file, hashed", megabytes/took.Seconds(), "MB/s")
	l.report.plain(name+"read and thrown away, one stream", megabytes/plain.Seconds(), "MB/s")
	l.report.atMost(name+"peak RSS", peak, "MB", 128)
	return nil
}

// putLarge uploads in parts, as every tool does with objects of this size.
func (s *stack) putLarge(ctx context.Context, bucket, key string, size int64) error {
	const part = 16 << 20
	content := text(0, part)
	upload, err := s.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("begin upload: %w", err)
	}
	parts := &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: new(types.CompletedMultipartUpload)}
	for left := size; left > 0; left -= part {
		number := aws.Int32(int32(len(parts.MultipartUpload.Parts) + 1))
		out, err := s.s3.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: number, Body: bytes.NewReader(content[:min(part, left)]),
		})
		if err != nil {
			return fmt.Errorf("upload part: %w", err)
		}
		parts.MultipartUpload.Parts = append(parts.MultipartUpload.Parts, types.CompletedPart{ETag: out.ETag, PartNumber: number, ChecksumCRC32: out.ChecksumCRC32})
	}
	if _, err := s.s3.CompleteMultipartUpload(ctx, parts); err != nil {
		return fmt.Errorf("end upload: %w", err)
	}
	return nil
}

// read takes the whole object in one stream.
func (s *stack) read(ctx context.Context, bucket, key string) (time.Duration, error) {
	start := time.Now()
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, fmt.Errorf("read object: %w", err)
	}
	defer out.Body.Close()
	if _, err := io.Copy(io.Discard, out.Body); err != nil {
		return 0, fmt.Errorf("read object: %w", err)
	}
	return time.Since(start), nil
}
