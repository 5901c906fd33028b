package describe

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/lazaret/lazaret/local/metrics"
)

// Monitoring answers CloudWatch's DescribeAlarms, and GetMetricData about the age of the oldest message of a queue,
// now, and about the series that Values has. All other metrics have no data. It speaks CBOR and JSON, as SDKs and the
// AWS CLI do.
type Monitoring struct {
	Alarms
	// Oldest returns the age of a queue's oldest message, 0 for an empty queue; known is false if there is no such queue.
	Oldest func(queue string) (age time.Duration, known bool, err error)
	// Values returns those of a series in [from, until).
	Values func(s metrics.Series, from, until time.Time) (metrics.Minutes, error)
}

// mostQueries is how many queries a request may have, and mostMetricData how many values an answer has.
const (
	mostQueries    = 500
	mostMetricData = 100_800
)

const (
	metricCBORPath   = "/service/GraniteServiceVersion20100801/operation/GetMetricData"
	serviceFault     = "InternalServiceFault"
	metricJSONTarget = "GraniteServiceVersion20100801.GetMetricData"
)

func (m Monitoring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isCBOR, isJSON := r.URL.Path == metricCBORPath, r.Header.Get("X-Amz-Target") == metricJSONTarget
	if !isCBOR && !isJSON {
		m.Alarms.ServeHTTP(w, r)
		return
	}
	content, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10)) // a body that is cut off is not decoded
	if isCBOR {
		content = jsonOfCBOR(content)
	}
	answer, problem := m.metricData(content, time.Now())
	status := http.StatusOK
	if problem != nil {
		status, answer = http.StatusBadRequest, problem
		if problem["__type"] == serviceFault {
			status = http.StatusInternalServerError
		}
	}
	if isCBOR {
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(status)
		_, _ = w.Write(cbor.Encode(asCBOR(answer))) // fails when the client has gone
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// metricQuery is one of the queries of GetMetricData.
type metricQuery struct {
	ID         string `json:"Id"`
	Label      string
	MetricStat *struct {
		Metric struct {
			Namespace, MetricName string
			Dimensions            []struct{ Name, Value string }
		}
		Period int
		Stat   string
	}
}

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

type metricRequest struct {
	MetricDataQueries  []metricQuery
	StartTime, EndTime float64 // Unix time in seconds
	ScanBy             string
	NextToken          string
	MaxDatapoints      int
}

// metricData answers GetMetricData:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func (m Monitoring) metricData(request []byte, now time.Time) (answer, problem map[string]any) {
	var in metricRequest
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, serializationError("read the request: " + err.Error())
	}
	switch {
	case len(in.MetricDataQueries) == 0:
		return nil, validationError("The parameter MetricDataQueries is required.")
	case in.StartTime == 0 || in.EndTime == 0:
		return nil, validationError("The parameters StartTime and EndTime are required.")
	case in.StartTime >= in.EndTime:
		return nil, validationError("The parameter StartTime must be less than the parameter EndTime.")
	case len(in.MetricDataQueries) > mostQueries:
		return nil, validationError("The collection MetricDataQueries must not have a size greater than %d.", mostQueries)
	case in.ScanBy != "" && in.ScanBy != newestFirst && in.ScanBy != oldestFirst:
		return nil, validationError("The parameter ScanBy must be %s or %s.", newestFirst, oldestFirst)
	case in.NextToken != "" || in.MaxDatapoints != 0:
		return nil, validationError("the local stack answers all values at once, without MaxDatapoints and NextToken")
	}
	results := []any{}
	seen := map[string]bool{}
	left := mostMetricData
	for _, q := range in.MetricDataQueries {
		if problem := q.problem(); problem != "" {
			return nil, validationError("%s", problem)
		}
		if seen[q.ID] {
			return nil, validationError("The values for parameter id in MetricDataQueries are not unique.")
		}
		seen[q.ID] = true
		minutes, err := m.minutes(q, in, now)
		if err != nil {
			return nil, map[string]any{"__type": serviceFault, "message": err.Error()}
		}
		times, values := q.periods(minutes, in)
		if left -= len(times); left < 0 {
			return nil, validationError("You have requested more than %d data points.", mostMetricData)
		}
		results = append(results, map[string]any{
			"Id": q.ID, "Label": q.label(), "StatusCode": "Complete", "Timestamps": times, "Values": values,
		})
	}
	return map[string]any{"MetricDataResults": results, "Messages": []any{}}, nil
}

// The values of ScanBy.
const (
	newestFirst = "TimestampDescending" // by default
	oldestFirst = "TimestampAscending"
)

// minutes returns the values of a query's metric, minute by minute.
func (m Monitoring) minutes(q metricQuery, in metricRequest, now time.Time) (metrics.Minutes, error) {
	if q.isAge() {
		age, known, err := m.Oldest(q.MetricStat.Metric.Dimensions[0].Value)
		if err != nil || !known {
			return nil, err
		}
		return metrics.Minutes{metrics.Minute(now): metrics.One(age.Seconds())}, nil
	}
	if m.Values == nil {
		return nil, nil
	}
	s := metrics.Series{
		Namespace: q.MetricStat.Metric.Namespace, Name: q.MetricStat.Metric.MetricName, Dimensions: map[string]string{},
	}
	for _, d := range q.MetricStat.Metric.Dimensions {
		s.Dimensions[d.Name] = d.Value
	}
	from := time.Unix(q.begin(int64(in.StartTime)), 0)
	return m.Values(s, from, time.Unix(int64(math.Ceil(in.EndTime)), 0))
}

// begin returns the beginning of the period that a time is in, as Unix time in seconds.
func (q metricQuery) begin(at int64) int64 { return at - at%int64(q.MetricStat.Period) }

// periods returns the values of the periods that begin in the request's time, and when they begin. The time of the
// first period may be before the start, as on AWS.
func (q metricQuery) periods(minutes metrics.Minutes, in metricRequest) (times, values []any) {
	periods := map[int64]metrics.Values{}
	for minute, v := range minutes {
		at := q.begin(minute)
		periods[at] = periods[at].Add(v)
	}
	times, values = []any{}, []any{}
	order := slices.Sorted(maps.Keys(periods))
	if in.ScanBy != oldestFirst {
		slices.Reverse(order)
	}
	for _, at := range order {
		if at < q.begin(int64(in.StartTime)) || float64(at) >= in.EndTime {
			continue
		}
		value, _ := periods[at].Statistic(q.MetricStat.Stat) // problem has checked its name
		times, values = append(times, unixTime(at)), append(values, value)
	}
	return times, values
}

// problem says why CloudWatch refuses the query, or what the local stack does not evaluate.
func (q metricQuery) problem() string {
	switch {
	case !queryID.MatchString(q.ID):
		return fmt.Sprintf("The value %q for parameter MetricDataQueries.member.1.Id is not matching the expected "+
			"pattern ^[a-z][a-zA-Z0-9_]*$.", q.ID)
	case q.MetricStat == nil:
		return "the local stack evaluates no expressions: the query " + q.ID + " has no MetricStat"
	case q.MetricStat.Metric.Namespace == "" || q.MetricStat.Metric.MetricName == "":
		return "The parameters Namespace and MetricName of MetricStat.Metric are required."
	case q.MetricStat.Period < 60 || q.MetricStat.Period%60 != 0:
		return fmt.Sprintf("metrics have a period of a multiple of 60 seconds, not of %d", q.MetricStat.Period)
	}
	if _, ok := (metrics.Values{}).Statistic(q.MetricStat.Stat); !ok {
		return fmt.Sprintf("the local stack has no statistic %q, but Sum, SampleCount, Average, Minimum and Maximum",
			q.MetricStat.Stat)
	}
	return ""
}

func (q metricQuery) label() string {
	if q.Label != "" {
		return q.Label
	}
	return q.MetricStat.Metric.MetricName
}

// isAge reports whether the query's metric is the age of a queue's oldest message.
func (q metricQuery) isAge() bool {
	metric := q.MetricStat.Metric
	return metric.Namespace == "AWS/SQS" && metric.MetricName == "ApproximateAgeOfOldestMessage" &&
		len(metric.Dimensions) == 1 && metric.Dimensions[0].Name == "QueueName"
}

func validationError(format string, args ...any) map[string]any {
	return map[string]any{"__type": "ValidationError", "message": fmt.Sprintf(format, args...)}
}

// unixTime is a time in seconds, which CBOR marks as one.
type unixTime float64

// jsonOfCBOR returns a value of CBOR as JSON, a time as its seconds, and nothing if it is no CBOR.
func jsonOfCBOR(content []byte) []byte {
	value, err := cbor.Decode(content)
	if err != nil {
		return nil
	}
	text, err := json.Marshal(plain(value))
	if err != nil {
		return nil
	}
	return text
}

// plain returns a value of CBOR as encoding/json writes it.
func plain(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for name, value := range v {
			m[name] = plain(value)
		}
		return m
	case cbor.List:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = plain(value)
		}
		return list
	case *cbor.Tag:
		return plain(v.Value)
	case *cbor.Nil:
		return nil
	}
	return v // texts, numbers and booleans are those of Go
}
