package numbers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

type fakeMetrics func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error)

func (f fakeMetrics) GetMetricData(
	_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options),
) (*cloudwatch.GetMetricDataOutput, error) {
	return f(in)
}

func TestRead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 10, 7, 0, 0, time.UTC)
	pages := 0
	n, err := Read(t.Context(), fakeMetrics(func(
		in *cloudwatch.GetMetricDataInput,
	) (*cloudwatch.GetMetricDataOutput, error) {
		out := &cloudwatch.GetMetricDataOutput{}
		if pages++; pages == 1 {
			out.NextToken = aws.String("more")
		}
		for _, q := range in.MetricDataQueries {
			if *q.MetricStat.Stat != "Sum" || *q.MetricStat.Period != 300 {
				t.Errorf("asked for %+v", q.MetricStat)
			}
			value := 1.0
			switch *q.MetricStat.Metric.MetricName {
			case "NumberOfMessagesSent":
				value = 100
			case "Verdicts":
				value = map[string]float64{"CLEAN": 10, "INFECTED": 20, "UNSCANNABLE": 30}[*q.MetricStat.Metric.Dimensions[1].Value]
			}
			at := now.Add(-2 * time.Minute) // in the hour that is not over
			if pages == 2 {
				at = now.Add(-23 * time.Hour)
			}
			out.MetricDataResults = append(out.MetricDataResults, types.MetricDataResult{
				Id: q.Id, Timestamps: []time.Time{at, now.Add(-48 * time.Hour)}, Values: []float64{value, 1000},
			})
		}
		return out, nil
	}), deployment.Stack{Name: "ward"}, now)
	if err != nil {
		t.Fatal(err)
	}
	hour := Counts{CameIn: 100, Clean: 10, Infected: 20, Unscannable: 30, Failed: 6}
	day := Counts{CameIn: 200, Clean: 20, Infected: 40, Unscannable: 60, Failed: 12}
	if n.LastHour != hour || n.LastDay != day || len(n.Hours) != 24 || n.Hours[23].Counts != hour {
		t.Errorf("got %+v in the last hour and %+v in the last day, want %+v and %+v", n.LastHour, n.LastDay, hour, day)
	}
	if hour.Total() != 66 {
		t.Errorf("got %g outcomes, want 66", hour.Total())
	}
}

func TestReadFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]fakeMetrics{
		"refused": func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
			return nil, errors.New("AccessDenied")
		},
		"without an end": func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
			return &cloudwatch.GetMetricDataOutput{NextToken: aws.String("more")}, nil
		},
		"about something else": func(*cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
			return &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{{Id: aws.String("m999")}}}, nil
		},
	} {
		if _, err := Read(t.Context(), answer, deployment.Stack{Name: "ward"}, time.Now()); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
