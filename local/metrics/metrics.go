// Package metrics keeps what CloudWatch knows of the local stack by itself: the metrics in the functions' logs, and
// those that AWS counts of executions and messages. It has one value for each minute, as CloudWatch's API has.
package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Series is a metric with its dimensions.
type Series struct {
	Namespace, Name string
	Dimensions      map[string]string
}

// key is a text that only equal series have.
func (s Series) key() string {
	parts := []string{s.Namespace, s.Name}
	for _, name := range slices.Sorted(maps.Keys(s.Dimensions)) {
		parts = append(parts, name, s.Dimensions[name])
	}
	return strings.Join(parts, "\x00")
}

// Values are those of a series in some time.
type Values struct {
	Sum, Minimum, Maximum float64
	Count                 int
}

// Add adds the values of another time.
func (v Values) Add(other Values) Values {
	switch {
	case other.Count == 0:
		return v
	case v.Count == 0:
		return other
	}
	return Values{
		Sum: v.Sum + other.Sum, Count: v.Count + other.Count,
		Minimum: min(v.Minimum, other.Minimum), Maximum: max(v.Maximum, other.Maximum),
	}
}

// One returns a single value.
func One(v float64) Values { return Values{Sum: v, Minimum: v, Maximum: v, Count: 1} }

// Statistic returns a statistic of CloudWatch; ok is false for one that is not known here.
func (v Values) Statistic(name string) (value float64, ok bool) {
	switch name {
	case "Sum":
		return v.Sum, true
	case "SampleCount":
		return float64(v.Count), true
	case "Average":
		return v.Sum / float64(max(v.Count, 1)), true
	case "Minimum":
		return v.Minimum, true
	case "Maximum":
		return v.Maximum, true
	}
	return 0, false
}

// Minutes are values by the Unix time in seconds of the minute's beginning.
type Minutes map[int64]Values

// Add adds values of a time.
func (m Minutes) Add(at time.Time, v Values) {
	minute := Minute(at)
	m[minute] = m[minute].Add(v)
}

// Minute returns the Unix time in seconds of the beginning of a time's minute.
func Minute(at time.Time) int64 { return at.Unix() / 60 * 60 }
