// Package numbers counts what came in and what became of it, by the metrics that AWS and the functions write.
package numbers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// Counts are numbers of objects in some time.
type Counts struct {
	CameIn      float64 // messages that the queue of uploads has got
	Clean       float64
	Infected    float64
	Unscannable float64
	Failed      float64 // executions that ended other than with success
}

// Total returns the number of all outcomes.
func (c Counts) Total() float64 { return c.Clean + c.Infected + c.Unscannable + c.Failed }

// Kind is one of the counts.
type Kind string

// The counts.
const (
	CameIn      Kind = "CameIn"
	Clean       Kind = "Clean"
	Infected    Kind = "Infected"
	Unscannable Kind = "Unscannable"
	Failed      Kind = "Failed"
)

// of returns where one of the counts is.
func (c *Counts) of(kind Kind) *float64 {
	switch kind {
	case CameIn:
		return &c.CameIn
	case Clean:
		return &c.Clean
	case Infected:
		return &c.Infected
	case Unscannable:
		return &c.Unscannable
	}
	return &c.Failed
}

// Of returns one of the counts.
func (c Counts) Of(kind string) float64 { return *c.of(Kind(kind)) }

// Hour is one of the last 24 hours.
type Hour struct {
	Begins time.Time // UTC
	Counts
}

// Numbers are the numbers of the last day.
type Numbers struct {
	LastHour, LastDay Counts
	Hours             []Hour // 24 of them, the oldest first; the last one ends now
}

// metrics is the operation of CloudWatch.
type metrics interface {
	GetMetricData(
		context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options),
	) (*cloudwatch.GetMetricDataOutput, error)
}

const (
	period   = 5 * time.Minute
	hours    = 24
	maxPages = 20 // of one answer, which has at most 3,200 values in all
)

// query is one metric that counts towards a Kind.
type query struct {
	Kind
	namespace, name string
	dimensions      []types.Dimension
}

func dimension(name, value string) types.Dimension {
	return types.Dimension{Name: &name, Value: &value}
}

// queries returns the metrics of a stack.
func queries(stack deployment.Stack) []query {
	all := []query{{
		CameIn, "AWS/SQS", "NumberOfMessagesSent", []types.Dimension{dimension("QueueName", stack.Queue("uploads"))},
	}}
	for verdict, kind := range map[job.Verdict]Kind{
		job.Clean: Clean, job.Infected: Infected, job.Unscannable: Unscannable,
	} {
		all = append(all, query{kind, metric.Namespace, metric.Verdicts, []types.Dimension{
			dimension("Stack", stack.Name), dimension("Verdict", string(verdict)),
		}})
	}
	machines := stack.Executions()
	for _, machine := range []string{machines.Standard, machines.Express} {
		for _, name := range []string{"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} {
			all = append(all, query{
				Failed, "AWS/States", name, []types.Dimension{dimension("StateMachineArn", machine)},
			})
		}
	}
	return all
}

// Read asks CloudWatch for the numbers of a stack. The error says that nothing is known.
func Read(ctx context.Context, client metrics, stack deployment.Stack, now time.Time) (Numbers, error) {
	end := now.UTC().Truncate(period).Add(period)
	n := Numbers{}
	for i := range hours {
		n.Hours = append(n.Hours, Hour{Begins: end.Add(time.Duration(i-hours) * time.Hour)})
	}
	all := queries(stack)
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(n.Hours[0].Begins), EndTime: &end}
	for i, q := range all {
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
			Id: aws.String("m" + strconv.Itoa(i)),
			MetricStat: &types.MetricStat{
				Metric: &types.Metric{Namespace: &q.namespace, MetricName: &q.name, Dimensions: q.dimensions},
				Period: aws.Int32(int32(period / time.Second)), Stat: aws.String("Sum"),
			},
		})
	}
	for range maxPages {
		out, err := client.GetMetricData(ctx, in)
		if err != nil {
			return Numbers{}, fmt.Errorf("read the metrics of the last day (cloudwatch:GetMetricData): %w", err)
		}
		for _, result := range out.MetricDataResults {
			i, err := strconv.Atoi(aws.ToString(result.Id)[1:])
			if err != nil || i >= len(all) {
				return Numbers{}, fmt.Errorf("read the metrics of the last day: an answer to %q", aws.ToString(result.Id))
			}
			n.take(all[i].Kind, result, end)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return n, nil
		}
	}
	return Numbers{}, fmt.Errorf("read the metrics of the last day: more than %d pages", maxPages)
}

// take adds the values of one metric, which are sums of five minutes.
func (n *Numbers) take(what Kind, result types.MetricDataResult, end time.Time) {
	for i, at := range result.Timestamps {
		if i >= len(result.Values) || at.Before(n.Hours[0].Begins) || !at.Before(end) {
			continue
		}
		hour := int(at.Sub(n.Hours[0].Begins) / time.Hour)
		*n.Hours[hour].of(what) += result.Values[i]
		*n.LastDay.of(what) += result.Values[i]
		if hour == hours-1 {
			*n.LastHour.of(what) += result.Values[i]
		}
	}
}
