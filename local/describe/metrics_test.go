package describe

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/metrics"
	"github.com/lazaret/lazaret/local/template"
)

// oldest is a stack with the queue q, whose oldest message is 90 seconds old, and the broken queue b.
func oldest(queue string) (time.Duration, bool, error) {
	switch queue {
	case "q":
		return 90 * time.Second, true, nil
	case "b":
		return 0, false, errors.New("store is broken")
	}
	return 0, false, nil
}

// query asks for the age of a queue's oldest message.
func query(queue string, changes ...func(*types.MetricDataQuery)) types.MetricDataQuery {
	q := types.MetricDataQuery{Id: aws.String("age"), MetricStat: &types.MetricStat{
		Metric: &types.Metric{
			Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateAgeOfOldestMessage"),
			Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: &queue}},
		},
		Period: aws.Int32(60), Stat: aws.String("Maximum"),
	}}
	for _, change := range changes {
		change(&q)
	}
	return q
}

// TestGetMetricData asks as the SDK does, in CBOR.
func TestGetMetricData(t *testing.T) {
	t.Parallel()
	_, cfg := loaded(t, func(app *template.Application) http.Handler {
		return Monitoring{Alarms: app.Alarms, Oldest: oldest}
	})
	client := cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
	now := time.Now()
	tests := []struct {
		name       string
		query      types.MetricDataQuery
		start, end time.Time // an hour until now, if zero
		want       []float64
		code       string // of the error
	}{
		{name: "a queue", query: query("q"), want: []float64{90}},
		{name: "no such queue", query: query("none"), want: nil},
		{
			name: "another metric", want: nil,
			query: query("q", func(q *types.MetricDataQuery) { q.MetricStat.Metric.MetricName = aws.String("Sent") }),
		},
		{name: "an hour of yesterday", query: query("q"), start: now.Add(-25 * time.Hour), end: now.Add(-24 * time.Hour)},
		{name: "the store fails", query: query("b"), code: "InternalServiceFault"},
		{name: "end before start", query: query("q"), start: now, end: now.Add(-time.Hour), code: "ValidationError"},
		{
			name: "a wrong id", code: "ValidationError",
			query: query("q", func(q *types.MetricDataQuery) { q.Id = aws.String("Age") }),
		},
		{
			name: "an expression", code: "ValidationError",
			query: query("q", func(q *types.MetricDataQuery) { q.MetricStat, q.Expression = nil, aws.String("1") }),
		},
		{
			name: "a period that SQS does not have", code: "ValidationError",
			query: query("q", func(q *types.MetricDataQuery) { q.MetricStat.Period = aws.Int32(90) }),
		},
		{
			name: "another statistic", code: "ValidationError",
			query: query("q", func(q *types.MetricDataQuery) { q.MetricStat.Stat = aws.String("p99") }),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.start.IsZero() {
				tt.start, tt.end = now.Add(-time.Hour), now.Add(time.Minute)
			}
			out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
				MetricDataQueries: []types.MetricDataQuery{tt.query}, StartTime: &tt.start, EndTime: &tt.end,
			})
			api, _ := errors.AsType[smithy.APIError](err)
			switch {
			case tt.code != "":
				if api == nil || api.ErrorCode() != tt.code {
					t.Errorf("got %v, want the error %s", err, tt.code)
				}
				return
			case err != nil || len(out.MetricDataResults) != 1:
				t.Fatalf("got %+v, %v, want one result", out, err)
			}
			r := out.MetricDataResults[0]
			if aws.ToString(r.Id) != "age" || r.StatusCode != types.StatusCodeComplete || len(r.Timestamps) != len(r.Values) {
				t.Errorf("got %+v, want the complete result age, with a time for each value", r)
			}
			if diff := cmp.Diff(tt.want, r.Values); diff != "" && len(tt.want)+len(r.Values) > 0 {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			for _, at := range r.Timestamps {
				if age := time.Since(at); age < 0 || age > 2*time.Minute {
					t.Errorf("got the time %v, want this minute", at)
				}
			}
		})
	}
}

// TestGetMetricDataJSON asks as the AWS CLI's version 1 does.
func TestGetMetricDataJSON(t *testing.T) {
	t.Parallel()
	_, cfg := loaded(t, func(app *template.Application) http.Handler {
		return Monitoring{Alarms: app.Alarms, Oldest: oldest}
	})
	body := `{"StartTime": 1, "EndTime": 9000000000, "MetricDataQueries": [{"Id": "a", "MetricStat": {"Period": 60,
		"Stat": "Average", "Metric": {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
		"Dimensions": [{"Name": "QueueName", "Value": "q"}]}}}]}`
	for body, want := range map[string]string{body: `"Values":[90]`, `{`: "SerializationException"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", metricJSONTarget)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("JSON %s: %s, %v, want %s in it", body, text, err, want)
		}
	}
}

// TestGetMetricDataPeriods adds up the minutes of a series in periods, as CloudWatch does.
func TestGetMetricDataPeriods(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_799_999_700, 0) // a multiple of 300
	values := func(s metrics.Series, from, until time.Time) (metrics.Minutes, error) {
		found := metrics.Minutes{}
		if s.Namespace == "Lazaret" && s.Name == "Verdicts" && s.Dimensions["Verdict"] == "CLEAN" {
			for _, at := range []int{-60, 0, 60, 299, 300, 900, 1200} {
				if at := begin.Add(time.Duration(at) * time.Second); !at.Before(from) && at.Before(until) {
					found.Add(at, metrics.One(2))
				}
			}
		}
		return found, nil
	}
	_, cfg := loaded(t, func(app *template.Application) http.Handler {
		return Monitoring{Alarms: app.Alarms, Oldest: oldest, Values: values}
	})
	client := cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 })
	ask := func(id, verdict string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
			Metric: &types.Metric{
				Namespace: aws.String("Lazaret"), MetricName: aws.String("Verdicts"),
				Dimensions: []types.Dimension{{Name: aws.String("Verdict"), Value: &verdict}},
			},
			Period: aws.Int32(300), Stat: aws.String("Sum"),
		}}
	}
	for order, want := range map[types.ScanBy][]float64{
		types.ScanByTimestampAscending: {6, 2, 2}, types.ScanByTimestampDescending: {2, 2, 6},
	} {
		out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
			MetricDataQueries: []types.MetricDataQuery{ask("c", "CLEAN"), ask("i", "INFECTED")},
			StartTime:         aws.Time(begin.Add(30 * time.Second)), EndTime: aws.Time(begin.Add(1200 * time.Second)),
			ScanBy: order,
		})
		if err != nil || len(out.MetricDataResults) != 2 {
			t.Fatalf("got %+v, %v, want two results", out, err)
		}
		clean, infected := out.MetricDataResults[0], out.MetricDataResults[1]
		if diff := cmp.Diff(want, clean.Values); diff != "" || len(infected.Values) > 0 || len(clean.Timestamps) != 3 {
			t.Errorf("%s: infected %v, clean (-want +got):\n%s", order, infected.Values, diff)
		}
		first := clean.Timestamps[0]
		if order == types.ScanByTimestampDescending {
			first = clean.Timestamps[2]
		}
		if !first.Equal(begin) {
			t.Errorf("%s: the oldest period begins at %s, want %s", order, first, begin)
		}
	}
	for name, in := range map[string]*cloudwatch.GetMetricDataInput{
		"one id twice": {MetricDataQueries: []types.MetricDataQuery{ask("c", "CLEAN"), ask("c", "CLEAN")}},
		"a token":      {MetricDataQueries: []types.MetricDataQuery{ask("c", "CLEAN")}, NextToken: aws.String("1")},
		"an order":     {MetricDataQueries: []types.MetricDataQuery{ask("c", "CLEAN")}, ScanBy: "Newest"},
	} {
		in.StartTime, in.EndTime = &begin, aws.Time(begin.Add(time.Hour))
		_, err := client.GetMetricData(t.Context(), in)
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "ValidationError" {
			t.Errorf("%s: got %v, want a ValidationError", name, err)
		}
	}
}
