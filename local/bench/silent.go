package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/job"
	message "github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/template"
)

// silentBucket is a versioned bucket that sends no events: its objects wait until they are sent to the queue.
const silentBucket = "bench-silent"

func (s *localStack) createSilentBucket(ctx context.Context) error {
	bucket := silentBucket
	_, err := s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	if err == nil {
		_, err = s.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket:                  &bucket,
			VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
		})
	}
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", bucket, err)
	}
	return nil
}

// putSilently uploads an object that nobody scans yet.
func (s *localStack) putSilently(ctx context.Context, key string, content []byte) (job.Object, error) {
	out, err := s.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(silentBucket), Key: &key, Body: bytes.NewReader(content),
	})
	if err != nil {
		return job.Object{}, fmt.Errorf("upload %s: %w", key, err)
	}
	return job.Object{
		Bucket: silentBucket, Key: key, VersionID: aws.ToString(out.VersionId), Size: int64(len(content)),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Sequencer: "1",
	}, nil
}

// send asks for the scans of objects, each by a message of its own, as uploads do.
func (s *localStack) send(ctx context.Context, objects ...job.Object) error {
	client := sqs.New(sqs.Options{
		BaseEndpoint: &s.endpoint, Region: template.Region,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	queue := s.endpoint + "/" + template.Account + "/lazaret-uploads"
	for first := 0; first < len(objects); first += 10 { // SQS takes ten at once
		var entries []types.SendMessageBatchRequestEntry
		for i, o := range objects[first:min(first+10, len(objects))] {
			body, err := json.Marshal(message.List{Run: "bench", Objects: []message.Listed{{Object: o}}})
			if err != nil {
				return fmt.Errorf("encode the message of %s: %w", o.Key, err)
			}
			entries = append(entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(string(body)),
			})
		}
		out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &queue, Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			return fmt.Errorf("send %d objects to the queue: %d failed: %w", len(entries), len(out.Failed), err)
		}
	}
	return nil
}
