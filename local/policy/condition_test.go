package policy

import (
	"fmt"
	"testing"
)

// TestConditionHolds states IAM's rules for each operator, present and absent:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
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
		{"StringEqualsIfExists", version, `"a"`, nil, true},
		{"StringEqualsIfExists", version, `"a"`, []string{"b"}, false},
		{"StringNotEquals", version, `"a"`, nil, true},
		{"StringNotEquals", version, `"a"`, []string{"b"}, true},
		{"StringNotEquals", version, `["b","a"]`, []string{"a"}, false},
		{"StringNotEqualsIfExists", version, `"a"`, nil, true},
		{"StringEqualsIgnoreCase", version, `"Aa"`, []string{"aA"}, true},
		{"StringNotEqualsIgnoreCase", version, `"Aa"`, []string{"aA"}, false},
		{"StringLike", version, `"a?c*"`, []string{"abcdef"}, true},
		{"StringLike", version, `"a?c"`, []string{"ac"}, false},
		{"StringLike", version, `"a*"`, nil, false},
		{"StringNotLike", version, `"a*"`, []string{"abc"}, false},
		{"StringNotLike", version, `"a*"`, nil, true},
		{"ArnEquals", arn, `"arn:aws:iam::000000000000:role/a*"`, []string{"arn:aws:iam::000000000000:role/abc"}, true},
		{"ArnLike", arn, `"arn:aws:iam::*:role/a"`, []string{"arn:aws:iam::000000000000:role/a"}, true},
		{"ArnLike", arn, `"arn:aws:iam::*:role/a"`, []string{"arn:aws:iam::0:x:role/a"}, false},
		{"ArnEquals", arn, `"arn:aws:iam::000000000000:role/a"`, nil, false},
		{"ArnNotEquals", arn, `"arn:aws:iam::000000000000:role/a"`, nil, true},
		{"ArnNotLike", arn, `"arn:aws:iam::000000000000:role/a"`, []string{"arn:aws:iam::000000000000:role/a"}, false},
		{"ArnEqualsIfExists", arn, `"arn:aws:iam::000000000000:role/a"`, nil, true},
		{"Bool", "aws:SecureTransport", `false`, []string{"false"}, true},
		{"Bool", "aws:SecureTransport", `"False"`, []string{"false"}, true},
		{"Bool", "aws:SecureTransport", `"true"`, nil, false},
		{"BoolIfExists", "aws:SecureTransport", `"true"`, nil, true},
		{"Null", version, `"true"`, nil, true},
		{"Null", version, `"true"`, []string{"a"}, false},
		{"Null", version, `false`, []string{"a"}, true},
		{"Null", keys, `false`, []string{"a", "b"}, true},
		{"ForAnyValue:StringEquals", keys, `["x","y"]`, []string{"a", "y"}, true},
		{"ForAnyValue:StringEquals", keys, `["x","y"]`, []string{"a"}, false},
		{"ForAnyValue:StringEquals", keys, `"x"`, nil, false},
		{"ForAnyValue:StringNotEquals", keys, `"x"`, []string{"x", "y"}, true},
		{"ForAnyValue:StringNotEquals", keys, `"x"`, []string{"x"}, false},
		{"ForAnyValue:StringNotEquals", keys, `"x"`, nil, false},
		{"ForAnyValue:StringLike", keys, `"scan-*"`, []string{"a", "scan-time"}, true},
		{"ForAllValues:StringEquals", keys, `["x","y"]`, []string{"x", "y"}, true},
		{"ForAllValues:StringEquals", keys, `["x","y"]`, []string{"x", "z"}, false},
		{"ForAllValues:StringEquals", keys, `"x"`, nil, true},
		{"ForAllValues:StringNotEquals", keys, `"x"`, []string{"a", "b"}, true},
		{"ForAllValues:StringNotEquals", keys, `"x"`, []string{"a", "x"}, false},
		{"ForAllValues:StringEqualsIfExists", keys, `"x"`, nil, true},
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
		{"?", "", false},
		{"?", "é", true},
		{"*a", "aaab", false},
		{"*aab", "aaab", true},
	}
	for _, tt := range tests {
		if got := wildcard(tt.pattern, tt.text); got != tt.want {
			t.Errorf("wildcard(%q, %q) = %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}
