package status

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

const (
	// uploadsWait is how long an upload may wait: the alarm uploads-waiting rings after it.
	uploadsWait = 15 * time.Minute
	// rescansWait is how long a rescan may wait: the alarm rescans-waiting rings after it.
	rescansWait = 84 * time.Hour
	// startWait is how long an upload may wait while a permit is free. An express execution keeps its message for five
	// minutes at most.
	startWait = 6 * time.Minute
	// failWait is how long it may wait while dispatch logs errors.
	failWait = 10 * time.Second
)

// Queue is one of the queues in which scans wait.
type Queue struct {
	Answer
	Waiting  int      `json:"waiting"`
	Received int      `json:"received"`                // with dispatch, or hidden after it failed
	Oldest   *int64   `json:"oldestSeconds,omitempty"` // age of the oldest message; absent if there is none, or not known
	Reasons  []string `json:"reasons,omitempty"`       // why nothing starts, as far as AWS says
}

// Permits are the permits to start executions.
type Permits struct {
	Answer
	Free int `json:"free"`
	Of   int `json:"of,omitempty"` // absent if not known
}

// uploads reads the queue of uploads.
func (r *Reader) uploads(ctx context.Context, permits Permits) Queue {
	q, age, known := r.queue(ctx, "uploads", r.stack.Uploads)
	free := permits.State == OK && permits.Free > 0
	if q.State != OK || !known || age <= failWait {
		return q
	}
	reasons, fails := rescan.WhyNotStarted(ctx, r.clients.Lambda, r.clients.Logs, r.stack)
	switch {
	case free && age > startWait:
		q.Says += fmt.Sprintf(", though %s free: nothing starts them", count(permits.Free, "permit is", "permits are"))
	case fails:
		q.Says += ", and dispatch fails"
	case age > uploadsWait:
		q.Says += ", because no permit was free"
	default:
		return q
	}
	q.State, q.Do = Wrong, "find out why uploads do not start: docs/operations.md#alarm-uploads-waiting"
	q.Reasons = reasons
	return q
}

// rescans reads the queue of rescans.
func (r *Reader) rescans(ctx context.Context) Queue {
	q, age, known := r.queue(ctx, "rescans", r.stack.Rescans)
	if q.State == OK && known && age > rescansWait {
		q.State, q.Do = Wrong, "give rescans free engines: docs/operations.md#alarm-rescans-waiting"
		q.Reasons, _ = rescan.WhyNotStarted(ctx, r.clients.Lambda, r.clients.Logs, r.stack)
	}
	return q
}

// queue reads the depth of a queue, and the age of its oldest message, which is not known if there is none.
func (r *Reader) queue(ctx context.Context, short, url string) (q Queue, age time.Duration, known bool) {
	waiting, received, err := permit.Depth(ctx, r.clients.Queues, url)
	if err != nil {
		q.Answer = notKnown(err, "read the queue "+r.stack.Queue(short), "sqs:GetQueueAttributes")
		return q, 0, false
	}
	q.Waiting, q.Received, q.State = waiting, received, OK
	q.Says = fmt.Sprintf("%s, %d with dispatch", count(waiting, "waits", "wait"), received)
	if waiting+received == 0 {
		q.Says = "none waits"
		return q, 0, false
	}
	age, known, err = r.oldest(ctx, r.stack.Queue(short))
	switch {
	case err != nil:
		q.Says += "; age of the oldest not known: " +
			notKnown(err, "read the metric ApproximateAgeOfOldestMessage", "cloudwatch:GetMetricData").Says
	case !known:
		q.Says += "; age of the oldest not known yet: CloudWatch has no value of the last ten minutes"
	default:
		q.Oldest = aws.Int64(int64(age.Seconds()))
		q.Says += "; the oldest for " + terminal.Ago(age)
	}
	return q, age, known
}

// oldest returns the age of a queue's oldest message. SQS has no attribute for it. CloudWatch gets the metric once a
// minute, late, and only of a queue that was used in the last six hours. It ignores messages that were received more
// than three times.
func (r *Reader) oldest(ctx context.Context, queue string) (age time.Duration, known bool, err error) {
	now := time.Now()
	out, err := r.clients.Metrics.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-10 * time.Minute)), EndTime: aws.Time(now.Add(time.Minute)),
		ScanBy: types.ScanByTimestampDescending,
		MetricDataQueries: []types.MetricDataQuery{{
			Id: aws.String("oldest"),
			MetricStat: &types.MetricStat{
				Metric: &types.Metric{
					Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateAgeOfOldestMessage"),
					Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: &queue}},
				},
				Period: aws.Int32(60), Stat: aws.String(string(types.StatisticMaximum)),
			},
		}},
	})
	if err != nil {
		return 0, false, err
	}
	for _, result := range out.MetricDataResults {
		if len(result.Values) > 0 { // the newest first
			return time.Duration(result.Values[0] * float64(time.Second)), true, nil
		}
	}
	return 0, false, nil
}

// permits reads how many permits are free.
func (r *Reader) permits(ctx context.Context, parameters map[string]string, notDescribed error) (p Permits) {
	name := r.stack.Queue("permits")
	url, err := r.clients.Queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	held := 0
	if err == nil {
		p.Free, held, err = permit.Depth(ctx, r.clients.Queues, aws.ToString(url.QueueUrl))
	}
	if err != nil {
		p.Answer = notKnown(err, "read the queue "+name, "sqs:GetQueueAttributes")
		return p
	}
	p.State, p.Says = OK, fmt.Sprintf("%d free", p.Free)
	if n, err := strconv.Atoi(parameters["MaxConcurrentScans"]); err == nil && notDescribed == nil {
		if p.Of = n; n == 0 {
			p.Of = 2 // as template.yaml has it
		}
		p.Says = fmt.Sprintf("%d of %d free", p.Free, p.Of)
	}
	if held > 0 {
		p.Says += fmt.Sprintf(", %d with dispatch", held)
	}
	return p
}
