package policy

import (
	"fmt"
	"testing"
)

// TestConditionHolds states IAM's rules for each operator, present and absent:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
//
//nolint:lll // a URL
func TestConditionHolds(t *testing.T) {
	t.Parallel()
	const (
		version = "s3:VersionId"
		keys    = "s3:RequestObjectTagKeys"
		arn     = "aws:PrincipalArn"
	)
	tests := []struct {
		operator, key, values string
		have                  []string
		want                  bool
	}{
		{"StringEquals", version, `"a"`, []string{"a"}, true},
		{"StringEquals", version, `["b","a"]`, []string{"a"}, true},
		{"StringEquals", version, `"a"`, []string{"A"}, false},
		{"StringEquals", version, `"*"`, []string{"a"}, false},
		{"StringEquals", version, `"a"`, nil, false},
		{"StringNotEquals", version, `"a"`, nil, true},
		{"StringNotEquals", version, `"a"`, []string{"b"}, true},
		{"StringNotEquals", version, `["b","a"]`, []string{"a"}, false},
		{"StringLike", version, `"a*c*"`, []string{"abcdef"}, true},
		{"StringLike", version, `"a*c"`, []string{"ab"}, false},
		{"StringLike", version, `"a*"`, nil, false},
		{"ArnEquals", arn, `"arn:aws:iam::000000000000:role/a"`, nil, false},
		{"ArnNotEquals", arn, `"arn:aws:iam::000000000000:role/a"`, nil, true},
		{"Bool", "aws:SecureTransport", `false`, []string{"false"}, true},
		{"Bool", "aws:SecureTransport", `"False"`, []string{"false"}, true},
		{"Bool", "aws:SecureTransport", `"true"`, nil, false},
		{"Null", version, `"true"`, nil, true},
		{"Null", version, `"true"`, []string{"a"}, false},
		{"Null", version, `false`, []string{"a"}, true},
		{"Null", keys, `false`, []string{"a", "b"}, true},
		{"ForAnyValue:StringEqualsIgnoreCase", keys, `["x","y"]`, []string{"a", "Y"}, true},
		{"ForAnyValue:StringEqualsIgnoreCase", keys, `["x","y"]`, []string{"a"}, false},
		{"ForAnyValue:StringEqualsIgnoreCase", keys, `"x"`, nil, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s has %v", tt.operator, tt.values, tt.have), func(t *testing.T) {
			t.Parallel()
			p, err := Parse([]byte(statementWith(fmt.Sprintf(
				`"Principal":"*","Action":"*","Resource":"*","Condition":{%q:{%q:%s}}`, tt.operator, tt.key, tt.values))))
			if err != nil {
				t.Fatal(err)
			}
			r := Request{Context: map[string][]string{}}
			if tt.have != nil {
				r.Context[tt.key] = tt.have
			}
			if got := p.Evaluate(r).Effect == Deny; got != tt.want {
				t.Errorf("condition holds: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"**", "ab", true},
		{"a*b*c", "aXbYc", true},
		{"a*b", "ab/b/b", true},
		{"a*b", "abc", false},
		{"*a", "aaab", false},
		{"*aab", "aaab", true},
	}
	for _, tt := range tests {
		if got := wildcard(tt.pattern, tt.text); got != tt.want {
			t.Errorf("wildcard(%q, %q) = %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}
