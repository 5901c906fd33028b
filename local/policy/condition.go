package policy

import (
	"fmt"
	"slices"
	"strings"
)

// condition is one operator applied to one key. All conditions of a statement must hold; the values of one condition
// are alternatives.
type condition struct {
	key      string // lower case
	operator operator
	values   []string
}

// operator compares a value of the request with one of the policy.
type operator struct {
	match   func(pattern, value string) bool
	negated bool // holds when no value of the policy matches
	set     bool // has ForAnyValue, for a key with many values
	boolean bool // values must be true or false
	arn     bool // values must be ARNs without wildcards, which Arn operators would compare part by part
	null    bool // asks whether the key is absent
}

func equal(a, b string) bool { return a == b }

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]operator{
	"StringEquals":    {match: equal},
	"StringNotEquals": {match: equal, negated: true},
	"StringLike":      {match: wildcard},
	"ArnEquals":       {match: equal, arn: true},
	"ArnNotEquals":    {match: equal, negated: true, arn: true},
	"Bool":            {match: strings.EqualFold, boolean: true},
	"Null":            {boolean: true, null: true},

	"ForAnyValue:StringEqualsIgnoreCase": {match: strings.EqualFold, set: true},
}

// tagKeys is the one key that holds a set. Without ForAnyValue an operator on it has no defined meaning.
const tagKeys = "s3:requestobjecttagkeys"

// knownKeys are the keys that local/s3 fills in where they apply. Another key would look absent, and make a negated
// operator on it true always.
var knownKeys = []string{
	"aws:principalarn", "aws:principalaccount", "aws:principalisawsservice",
	"aws:securetransport", "aws:sourceaccount", "aws:sourcearn",
	"s3:x-amz-copy-source", "s3:versionid", tagKeys,
}

func parseCondition(name, key string, values []string) (condition, error) {
	operator, known := operators[name]
	c := condition{key: strings.ToLower(key), operator: operator, values: values}
	isTag := strings.HasPrefix(c.key, "s3:existingobjecttag/") || strings.HasPrefix(c.key, "s3:requestobjecttag/")
	switch {
	case !known:
		return c, fmt.Errorf("unknown condition operator %q", name)
	case !isTag && !slices.Contains(knownKeys, c.key):
		return c, fmt.Errorf("unknown condition key %q", key)
	case operator.set != (c.key == tagKeys) && !operator.null:
		return c, fmt.Errorf("%s on %s: ForAnyValue is for a key with many values, and that key wants it", name, key)
	case len(values) == 0:
		return c, fmt.Errorf("%s on %s: no value", name, key)
	case slices.ContainsFunc(values, hasVariable):
		return c, fmt.Errorf("%s on %s: policy variables are not supported", name, key)
	}
	for _, v := range values {
		if operator.boolean && !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
			return c, fmt.Errorf("%s on %s: %q is not true or false", name, key, v)
		}
		if operator.arn && (strings.Count(v, ":") < 5 || strings.ContainsAny(v, "*?")) {
			return c, fmt.Errorf("%s on %s: %q is not an ARN, or has a wildcard", name, key, v)
		}
	}
	return c, nil
}

// holds evaluates the condition. A negated operator holds for a key that the request does not have.
func (c condition) holds(r Request) bool {
	// Two tags whose keys differ in case alone have one condition key. AWS does not document which of them it looks at.
	// With both, a denying StringNotEquals holds when either of them is wrong.
	var have []string
	for key, values := range r.Context {
		if strings.EqualFold(key, c.key) {
			have = append(have, values...)
		}
	}
	switch {
	case c.operator.null:
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") == (len(have) == 0) })
	case len(have) == 0:
		return c.operator.negated
	}
	return slices.ContainsFunc(have, func(value string) bool {
		matched := slices.ContainsFunc(c.values, func(pattern string) bool { return c.operator.match(pattern, value) })
		return matched != c.operator.negated
	})
}

// wildcard matches text against a pattern in which * stands for any characters, slashes included.
func wildcard(pattern, text string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		if ok {
			_, text, ok = strings.Cut(text, part)
		}
	}
	return ok && strings.HasSuffix(text, parts[last])
}
