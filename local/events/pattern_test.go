package events

import (
	"encoding/json"
	"strings"
	"testing"
)

const sample = `{
	"version": "0", "source": "aws.s3", "detail-type": "Object Created", "resources": ["arn:aws:s3:::uploads", "arn:aws:s3:::other"],
	"detail": {
		"bucket": {"name": "uploads"}, "object": {"key": "in/Report.PDF", "size": 300},
		"status": "TIMED_OUT", "cause": null, "flag": true, "none": [],
		"parts": [{"name": "a", "size": 1}, {"name": "b", "size": 2}], "star": "a*b"
	}
}`

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		pattern string
		want    bool
	}{
		{"value", `{"source":["aws.s3"]}`, true},
		{"one of several values", `{"source":["aws.ec2","aws.s3"]}`, true},
		{"other value", `{"source":["aws.ec2"]}`, false},
		{"all fields", `{"source":["aws.s3"],"detail-type":["Object Deleted"]}`, false},
		{"nested", `{"detail":{"bucket":{"name":["uploads"]}}}`, true},
		{"nested, missing", `{"detail":{"bucket":{"owner":["uploads"]}}}`, false},
		{"nested in a scalar", `{"source":{"name":["aws.s3"]}}`, false},
		{"scalar is an object", `{"detail":["x"]}`, false},
		{"any element of an array", `{"resources":["arn:aws:s3:::other"]}`, true},
		{"number", `{"detail":{"object":{"size":[300]}}}`, true},
		{"number in another form", `{"detail":{"object":{"size":[3.0e2]}}}`, true},
		{"number is no string", `{"detail":{"object":{"size":["300"]}}}`, false},
		{"true", `{"detail":{"flag":[true]}}`, true},
		{"null", `{"detail":{"cause":[null]}}`, true},
		{"null is not absent", `{"detail":{"gone":[null]}}`, false},
		{"prefix", `{"detail":{"object":{"key":[{"prefix":"in/"}]}}}`, true},
		{"prefix, not", `{"detail":{"object":{"key":[{"prefix":"out/"}]}}}`, false},
		{"prefix of a number", `{"detail":{"object":{"size":[{"prefix":"3"}]}}}`, false},
		{"anything-but list", `{"detail":{"status":[{"anything-but":["FAILED","TIMED_OUT"]}]}}`, false},
		{"anything-but another", `{"detail":{"status":[{"anything-but":["FAILED"]}]}}`, true},
		{"anything-but of an absent field", `{"detail":{"gone":[{"anything-but":["x"]}]}}`, false},
		{"anything-but, array with another element", `{"resources":[{"anything-but":["arn:aws:s3:::other"]}]}`, true},
		{"fields of one element", `{"detail":{"parts":{"name":["b"],"size":[2]}}}`, true},
		{"fields of two elements", `{"detail":{"parts":{"name":["a"],"size":[2]}}}`, false},
		{"or, none", `{"detail":{"$or":[{"status":["X"]},{"flag":[false]}]}}`, false},
		{"or, other field fails", `{"source":["x"],"$or":[{"source":["aws.s3"]},{"version":["0"]}]}`, false},
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(sample), &event); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			matches, err := compile(json.RawMessage(tt.pattern))
			if err != nil {
				t.Fatal(err)
			}
			if got := matches(event); got != tt.want {
				t.Errorf("%s: got %v, want %v", tt.pattern, got, tt.want)
			}
		})
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ pattern, want string }{
		"no JSON":              {`{`, "read event pattern"},
		"empty":                {`{}`, "empty object"},
		"scalar":               {`{"source":"aws.s3"}`, "source: must be an object or an array"},
		"empty array":          {`{"source":[]}`, "source: empty array"},
		"unknown matcher":      {`{"a":{"b":[{"cidr":"10.0.0.0/8"}]}}`, "a: b: match type map[cidr:10.0.0.0/8] is not supported"},
		"two in one":           {`{"a":[{"prefix":"a","anything-but":["b"]}]}`, "not supported here"},
		"ignoring case":        {`{"a":[{"equals-ignore-case":"x"}]}`, "not supported here"},
		"suffix":               {`{"a":[{"suffix":"b"}]}`, "not supported here"},
		"anything-but number":  {`{"a":[{"anything-but":[300]}]}`, "not supported here"},
		"anything-but nothing": {`{"a":[{"anything-but":[]}]}`, "anything-but"},
		"or of one":            {`{"$or":[{"a":["b"]}]}`, "two alternatives"},
		"or of values":         {`{"$or":["a","b"]}`, "must be objects"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := compile(json.RawMessage(tt.pattern)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
