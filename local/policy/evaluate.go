package policy

import (
	"slices"
	"strings"
)

// Request is what IAM knows about one call when it looks at a bucket policy.
type Request struct {
	Principal string // ARN of the user or role, as aws:PrincipalArn has it; empty when anonymous
	Account   string // 12 digits; empty when anonymous
	Service   string // "delivery.logs.amazonaws.com" when an AWS service calls by itself
	Action    string // "s3:GetObjectVersion"
	Resource  string // "arn:aws:s3:::bucket/key"

	// Context holds the condition keys. IAM compares their names without
	// regard to case, the tag key in s3:ExistingObjectTag/<key> included.
	Context map[string][]string
}

// Effect is a policy's answer.
type Effect int

// The answers. A deny anywhere wins over every allow.
const (
	NoOpinion Effect = iota
	Allow
	Deny
)

func (e Effect) String() string {
	return [...]string{"no opinion", "allow", "deny"}[e]
}

// Decision is the answer and the Sid of the statement that gave it, which is
// empty for NoOpinion and for statements without one.
type Decision struct {
	Effect Effect
	Sid    string
}

// Evaluate answers whether the policy denies, allows or says nothing of r. The
// nil Policy, a bucket without one, has no opinion.
func (p *Policy) Evaluate(r Request) Decision {
	var d Decision
	if p == nil {
		return d
	}
	for _, s := range p.statements {
		switch {
		case s.deny && s.match(r):
			return Decision{Deny, s.sid}
		case !s.deny && d.Effect == NoOpinion && s.match(r):
			d = Decision{Allow, s.sid}
		}
	}
	return d
}

func (s statement) match(r Request) bool {
	// Action names are compared without regard to case, resources with it:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
	action := slices.ContainsFunc(s.actions, func(pattern string) bool {
		return wildcard(strings.ToLower(pattern), strings.ToLower(r.Action))
	})
	return action != s.notActions &&
		slices.ContainsFunc(s.resources, func(pattern string) bool { return wildcard(pattern, r.Resource) }) &&
		s.principals.match(r) &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r) })
}

// wildcard matches text against a pattern in which * stands for any run of
// characters, slashes included, and ? for exactly one. It goes back only to
// the latest *, so that no pattern takes more than len(pattern)*len(text).
func wildcard(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
