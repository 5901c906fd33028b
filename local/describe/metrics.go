package describe

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// Monitoring answers CloudWatch's DescribeAlarms, and GetMetricData about one metric: the age of the oldest message of
// a queue, which SQS itself does not tell. All other metrics have no data. It speaks CBOR and JSON, as SDKs and the AWS
// CLI do.
type Monitoring struct {
	Alarms
	// Oldest returns the age of a queue's oldest message, 0 for an empty queue; known is false if there is no such queue.
	Oldest func(queue string) (age time.Duration, known bool, err error)
}

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

// metricData answers GetMetricData:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func (m Monitoring) metricData(request []byte, now time.Time) (answer, problem map[string]any) {
	var in struct {
		MetricDataQueries  []metricQuery
		StartTime, EndTime float64 // Unix time in seconds
	}
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
	}
	results := []any{}
	for _, q := range in.MetricDataQueries {
		if problem := q.problem(); problem != "" {
			return nil, validationError("%s", problem)
		}
		result := map[string]any{"Id": q.ID, "Label": q.label(), "StatusCode": "Complete"}
		times, values := []any{}, []any{}
		age, known, err := m.age(q)
		if err != nil {
			return nil, map[string]any{"__type": serviceFault, "message": err.Error()}
		}
		at := float64(now.Truncate(time.Duration(q.MetricStat.Period) * time.Second).Unix())
		if known && at >= in.StartTime-float64(q.MetricStat.Period) && at < in.EndTime {
			times, values = append(times, unixTime(at)), append(values, age.Seconds())
		}
		result["Timestamps"], result["Values"] = times, values
		results = append(results, result)
	}
	return map[string]any{"MetricDataResults": results, "Messages": []any{}}, nil
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
		return fmt.Sprintf("the metrics of SQS have a period of a multiple of 60 seconds, not of %d", q.MetricStat.Period)
	case q.MetricStat.Stat != "Maximum" && q.MetricStat.Stat != "Minimum" && q.MetricStat.Stat != "Average":
		return fmt.Sprintf("the local stack has no statistic %q, but Maximum, Minimum and Average", q.MetricStat.Stat)
	}
	return ""
}

func (q metricQuery) label() string {
	if q.Label != "" {
		return q.Label
	}
	return q.MetricStat.Metric.MetricName
}

// age returns the value of the query's metric, if there is one.
func (m Monitoring) age(q metricQuery) (age time.Duration, known bool, err error) {
	metric := q.MetricStat.Metric
	if metric.Namespace != "AWS/SQS" || metric.MetricName != "ApproximateAgeOfOldestMessage" ||
		len(metric.Dimensions) != 1 || metric.Dimensions[0].Name != "QueueName" {
		return 0, false, nil
	}
	return m.Oldest(metric.Dimensions[0].Value)
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
