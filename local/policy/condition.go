package policy

import (
	"fmt"
	"slices"
	"strings"
)

// condition is one operator applied to one key. All conditions of a statement
// must hold; the values of one condition are alternatives.
type condition struct {
	key      string // lower case
	each     quantifier
	ifExists bool
	operator operator
	values   []string
}

// quantifier is the set operator in front of the operator.
type quantifier int

const (
	single    quantifier = iota // no prefix
	forAny                      // ForAnyValue:
	forAll                      // ForAllValues:
	anyPrefix = "ForAnyValue:"
	allPrefix = "ForAllValues:"
	existsEnd = "IfExists"
)

// operator compares a value of the request with one of the policy.
type operator struct {
	match   func(pattern, value string) bool
	negated bool
	boolean bool // values must be true or false
	arn     bool // values must be ARNs
	null    bool // asks for the key, not for its value
}

// The operators that bucket policies use on text, ARNs and booleans. ArnEquals
// and ArnLike are one operator under two names:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]operator{
	"StringEquals":              {match: equal},
	"StringNotEquals":           {match: equal, negated: true},
	"StringEqualsIgnoreCase":    {match: strings.EqualFold},
	"StringNotEqualsIgnoreCase": {match: strings.EqualFold, negated: true},
	"StringLike":                {match: wildcard},
	"StringNotLike":             {match: wildcard, negated: true},
	"ArnEquals":                 {match: matchARN, arn: true},
	"ArnNotEquals":              {match: matchARN, negated: true, arn: true},
	"ArnLike":                   {match: matchARN, arn: true},
	"ArnNotLike":                {match: matchARN, negated: true, arn: true},
	"Bool":                      {match: strings.EqualFold, boolean: true},
	"Null":                      {boolean: true, null: true},
}

// multivalued are the keys that hold a set: an operator on them needs
// ForAnyValue or ForAllValues, or what it means is not defined.
var multivalued = []string{"s3:requestobjecttagkeys"}

// knownKeys are the keys that local/s3 fills in where they apply. One that it
// never fills would look absent, and a negated operator on it always true.
var knownKeys = append([]string{
	"aws:principalarn", "aws:principalaccount", "aws:principalisawsservice",
	"aws:securetransport", "aws:sourceaccount", "aws:sourcearn",
	"s3:x-amz-copy-source", "s3:versionid",
}, multivalued...)

func parseCondition(name, key string, values []string) (condition, error) {
	c := condition{key: strings.ToLower(key), values: values}
	base := name
	if rest, ok := strings.CutPrefix(base, anyPrefix); ok {
		base, c.each = rest, forAny
	} else if rest, ok := strings.CutPrefix(base, allPrefix); ok {
		base, c.each = rest, forAll
	}
	base, c.ifExists = strings.CutSuffix(base, existsEnd)

	var known bool
	c.operator, known = operators[base]
	tag := strings.HasPrefix(c.key, "s3:existingobjecttag/") || strings.HasPrefix(c.key, "s3:requestobjecttag/")
	switch {
	case !known:
		return c, fmt.Errorf("unknown condition operator %q", name)
	case c.operator.null && (c.ifExists || c.each != single):
		return c, fmt.Errorf("%s: Null takes neither a set operator nor IfExists", name)
	case c.ifExists && c.each == forAny:
		return c, fmt.Errorf("%s: ForAnyValue asks for a value and IfExists does without", name)
	case !tag && !slices.Contains(knownKeys, c.key):
		return c, fmt.Errorf("unknown condition key %q", key)
	case slices.Contains(multivalued, c.key) && c.each == single && !c.operator.null:
		return c, fmt.Errorf("%s on %s: a key with many values wants ForAnyValue or ForAllValues", name, key)
	case len(values) == 0:
		return c, fmt.Errorf("%s on %s: no value", name, key)
	case slices.ContainsFunc(values, hasVariable):
		return c, fmt.Errorf("%s on %s: policy variables are not supported", name, key)
	}
	for _, v := range values {
		if c.operator.boolean && !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
			return c, fmt.Errorf("%s on %s: %q is not true or false", name, key, v)
		}
		if c.operator.arn && strings.Count(v, ":") < 5 {
			return c, fmt.Errorf("%s on %s: %q is not an ARN", name, key, v)
		}
	}
	return c, nil
}

// holds evaluates the condition. For a key that the request does not carry,
// negated operators are true, and so are IfExists and ForAllValues.
func (c condition) holds(r Request) bool {
	// Two tags whose keys differ in case alone arrive under one condition key.
	// Which of them AWS looks at is not documented; taking both means that a
	// denying StringNotEquals holds when either of them is wrong.
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
		return c.ifExists || c.each == forAll || c.each == single && c.operator.negated
	case c.each == forAll:
		return !slices.ContainsFunc(have, func(v string) bool { return !c.test(v) })
	default:
		return slices.ContainsFunc(have, c.test)
	}
}

func (c condition) test(value string) bool {
	matched := slices.ContainsFunc(c.values, func(pattern string) bool { return c.operator.match(pattern, value) })
	return matched != c.operator.negated
}

func equal(a, b string) bool { return a == b }

// matchARN compares the six parts of two ARNs one by one, so that a * in one
// part cannot swallow a colon; the last part may hold more colons.
func matchARN(pattern, value string) bool {
	want, got := strings.SplitN(pattern, ":", 6), strings.SplitN(value, ":", 6)
	if len(want) != 6 || len(got) != 6 {
		return false
	}
	for i := range want {
		if !wildcard(want[i], got[i]) {
			return false
		}
	}
	return true
}

// hasVariable reports a policy variable such as ${aws:PrincipalArn}.
func hasVariable(s string) bool { return strings.Contains(s, "${") }
