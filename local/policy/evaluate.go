package policy

import (
	"slices"
	"strings"
)

// Request is what a bucket policy is asked about.
type Request struct {
	Principal string // ARN of the user or role, as aws:PrincipalArn has it; empty when anonymous
	Account   string // 12 digits; empty when anonymous
	Service   string // "delivery.logs.amazonaws.com" when an AWS service calls by itself
	Action    string // "s3:GetObjectVersion"
	Resource  string // "arn:aws:s3:::bucket/key"

	// Context has the condition keys. IAM ignores the case of their names, and of the tag key in
	// s3:ExistingObjectTag/<key>.
	Context map[string][]string
}

// Effect is a policy's answer.
type Effect int

// The answers. Deny wins over Allow.
const (
	NoOpinion Effect = iota
	Allow
	Deny
)

func (e Effect) String() string {
	return [...]string{"no opinion", "allow", "deny"}[e]
}

// Decision is the answer, and the Sid of the statement that gave it.
type Decision struct {
	Effect Effect
	Sid    string
}

// Evaluate answers whether the policy denies r, allows it or has no opinion. The nil Policy, of a bucket without one,
// has none.
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
	action := strings.ToLower(r.Action)
	return slices.ContainsFunc(s.actions, func(pattern string) bool { return wildcard(pattern, action) }) &&
		s.others != slices.ContainsFunc(s.resources, func(pattern string) bool { return wildcard(pattern, r.Resource) }) &&
		s.principals.match(r) &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r) })
}

// match reports whether the statement is about the caller. An anonymous caller is in "*" alone.
func (p principals) match(r Request) bool {
	return p.everyone ||
		r.Principal != "" && slices.Contains(p.arns, r.Principal) ||
		r.Account != "" && slices.Contains(p.accounts, r.Account) ||
		r.Service != "" && slices.Contains(p.services, r.Service)
}
