package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/job"
	message "github.com/lazaret/lazaret/internal/upload"
)

// measureRescans uploads one object after the other at a steady pace, alone and then while many objects are scanned
// again: rescans must not delay uploads.
func measureRescans(ctx context.Context, b *benchmark) error {
	for _, workflow := range workflows() {
		if err := b.rescans(ctx, workflow); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchmark) rescans(ctx context.Context, workflow string) (err error) {
	s, err := b.startStack(ctx, settings{workflow: workflow, engines: 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := b.warm(ctx, s); err != nil {
		return err
	}
	if _, err := b.burstOf(ctx, s, "existing", b.amount.Objects); err != nil {
		return err
	}
	alone, quiet, err := b.paced(ctx, s, "alone")
	if err != nil {
		return err
	}
	if err := s.rescan(ctx, "existing/"); err != nil {
		return err
	}
	beside, busy, err := b.paced(ctx, s, "beside")
	if err != nil {
		return err
	}
	left, err := s.depth(ctx, "rescans")
	if err != nil {
		return err
	}
	name := workflow + ": PUT acknowledged to tag, p99, "
	p99 := func(all []time.Duration) float64 { return milliseconds(percentile(all, 99)) }
	b.report.during(quiet).plain(name+"alone", p99(alone), "ms")
	f := b.report.during(busy)
	f.plain(name+"beside rescans", p99(beside), "ms")
	f.plain(workflow+": rescans that wait at the end", float64(left), "")
	b.report.during(quiet.and(busy)).ratio(row{
		Name: name + "beside, over alone", Value: p99(beside) / p99(alone), Aim: 1.5,
	})
	return nil
}

// pace is the time between two uploads of a steady pace.
const pace = 50 * time.Millisecond

// paced uploads objects at a steady pace, and returns how long each waited for its tag.
func (b *benchmark) paced(ctx context.Context, s *localStack, prefix string) (took []time.Duration, l load, err error) {
	watching, err := beginWatch()
	if err != nil {
		return nil, l, err
	}
	acknowledged := make([]time.Time, b.amount.Uploads)
	group, uploading := errgroup.WithContext(ctx)
	for i := range acknowledged {
		group.Go(func() error {
			err := s.put(uploading, burstKey(prefix, i), text(b.content+i, b.amount.Size))
			acknowledged[i] = time.Now()
			return err
		})
		time.Sleep(pace)
	}
	if err := group.Wait(); err != nil {
		return nil, l, err
	}
	b.content += len(acknowledged)
	tagged, err := s.tagged(ctx, prefix, len(acknowledged))
	if err != nil {
		return nil, l, err
	}
	for i, at := range acknowledged {
		took = append(took, max(0, tagged[burstKey(prefix, i)].Sub(at)))
	}
	l, err = watching.end()
	return took, l, err
}

// rescan sends all objects below a prefix to the queue of rescans, as operators do, in lists of 100.
func (s *localStack) rescan(ctx context.Context, prefix string) error {
	pages := s3.NewListObjectVersionsPaginator(s.s3, &s3.ListObjectVersionsInput{
		Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(100),
	})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the objects to scan again: %w", err)
		}
		list := message.List{Run: "bench-" + strconv.Itoa(n)}
		for _, v := range page.Versions {
			list.Objects = append(list.Objects, message.Listed{Object: job.Object{
				Bucket: s.bucket, Key: *v.Key, VersionID: *v.VersionId, ETag: *v.ETag, Size: *v.Size,
			}})
		}
		body, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("encode a list of objects: %w", err)
		}
		in := &sqs.SendMessageInput{QueueUrl: s.queue("rescans"), MessageBody: aws.String(string(body))}
		if _, err := s.sqs.SendMessage(ctx, in); err != nil {
			return fmt.Errorf("send a list of objects: %w", err)
		}
	}
	return nil
}

// depth returns how many messages a queue has.
func (s *localStack) depth(ctx context.Context, queue string) (n int, err error) {
	out, err := s.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: s.queue(queue), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return 0, fmt.Errorf("read the depth of the queue %s: %w", queue, err)
	}
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		visible, err := strconv.Atoi(out.Attributes[name])
		if err != nil {
			return 0, fmt.Errorf("read the depth of the queue %s: %w", queue, err)
		}
		n += visible
	}
	return n, nil
}
