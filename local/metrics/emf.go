package metrics

import (
	"bytes"
	"encoding/json"
	"time"
)

// Embedded finds the metrics in a line in the embedded metric format, as CloudWatch does:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
// A line that does not hold to it has none.
func Embedded(line []byte) (points []Point) {
	if !bytes.Contains(line, []byte(`"CloudWatchMetrics"`)) {
		return nil
	}
	var members map[string]json.RawMessage
	var meta struct {
		Timestamp         int64 // Unix time in ms
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name string }
		}
	}
	if json.Unmarshal(line, &members) != nil || json.Unmarshal(members["_aws"], &meta) != nil {
		return nil
	}
	for _, directive := range meta.CloudWatchMetrics {
		for _, names := range directive.Dimensions {
			dimensions := map[string]string{}
			for _, name := range names {
				var value string
				if json.Unmarshal(members[name], &value) == nil {
					dimensions[name] = value
				}
			}
			if len(dimensions) != len(names) {
				continue
			}
			for _, m := range directive.Metrics {
				for _, value := range numbers(members[m.Name]) {
					points = append(points, Point{
						Series: Series{Namespace: directive.Namespace, Name: m.Name, Dimensions: dimensions},
						At:     time.UnixMilli(meta.Timestamp), Value: value,
					})
				}
			}
		}
	}
	return points
}

// numbers reads a number or a list of numbers.
func numbers(text json.RawMessage) []float64 {
	var one float64
	if json.Unmarshal(text, &one) == nil {
		return []float64{one}
	}
	var all []float64
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}
