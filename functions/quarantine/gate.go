package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// isUnreadable reports whether it is proved that nobody can read the job's object, except those whom the
// read gate exempts by name: the policy of its bucket has the gate, and the object has the tag INFECTED.
// What the stack was deployed with proves nothing: existing buckets have policies of their own, any
// policy can be changed, and Tag may have found no room for the tag.
func (h *handler) isUnreadable(ctx context.Context, j job.Job) (bool, error) {
	o := j.Object
	out, err := h.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &o.Bucket})
	switch {
	case awserr.NoPolicy(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read the policy of %s: %w", o.Bucket, awserr.Classify(err))
	}
	if gated, err := refusesInfected(aws.ToString(out.Policy), o.Bucket, o.Key); err != nil || !gated {
		return false, err
	}
	src, err := h.move.InspectOriginal(ctx, o)
	if err != nil {
		return false, fmt.Errorf("look at the object: %w", awserr.Classify(err))
	}
	tags, err := h.move.OriginalTags(ctx, src)
	if err != nil {
		return false, err
	}
	return verdicttag.Verdict(tags)[verdicttag.Status] == string(job.Infected), nil
}

// statement is a statement of a bucket policy, as far as the read gate has it.
type statement struct {
	Effect    string
	Principal principal
	Action    list
	Resource  list
	Condition map[string]map[string]list

	NotPrincipal, NotAction, NotResource json.RawMessage
}

// refusesInfected reports whether a policy refuses everybody to read an object with the tag INFECTED. It
// knows the forms of the template's read gate (NoReadUnlessClean, NoReadOfInfected), in which only
// principals that are named in full may be exempt. Any other form proves nothing.
func refusesInfected(policy, bucket, key string) (bool, error) {
	var p struct{ Statement []statement }
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return false, fmt.Errorf("read the policy of %s: %w", bucket, err)
	}
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Deny" && s.Principal.everybody && s.NotPrincipal == nil && s.NotAction == nil &&
			s.NotResource == nil && s.covers("s3:GetObject", "s3:GetObjectVersion") && s.includes(bucket, key) && s.gates()
	}), nil
}

// covers reports whether the statement names all of these actions.
func (s statement) covers(actions ...string) bool {
	return !slices.ContainsFunc(actions, func(a string) bool {
		return !slices.ContainsFunc(s.Action, func(named string) bool {
			return strings.EqualFold(named, a) || strings.EqualFold(named, "s3:*") || named == "*"
		})
	})
}

// includes reports whether a resource of the statement is a prefix of the key and an asterisk.
func (s statement) includes(bucket, key string) bool {
	return slices.ContainsFunc(s.Resource, func(resource string) bool {
		_, path, ok := strings.Cut(resource, ":s3:::"+bucket+"/")
		prefix, all := strings.CutSuffix(path, "*")
		return ok && all && !strings.ContainsAny(prefix, "*?$") && strings.HasPrefix(key, prefix)
	})
}

// statusKey is the condition key of the verdict on an object.
const statusKey = "s3:ExistingObjectTag/" + verdicttag.Status

// gates reports whether the conditions of the statement hold for every read of an infected object by a
// principal that is not exempt.
func (s statement) gates() bool {
	refuses := false
	for operator, keys := range s.Condition {
		for key, values := range keys {
			switch {
			case operator == "StringNotEquals" && key == statusKey && slices.Equal(values, list{string(job.Clean)}),
				operator == "StringEquals" && key == statusKey && slices.Equal(values, list{string(job.Infected)}):
				refuses = true
			case operator == "ArnNotEquals" && strings.EqualFold(key, "aws:PrincipalArn") &&
				!slices.ContainsFunc(values, func(arn string) bool { return strings.ContainsAny(arn, "*?$") }):
			default:
				return false
			}
		}
	}
	return refuses
}

// list is one text or a list of them.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = list{one}
		return nil
	}
	var all []string
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*l = all
	return nil
}

// principal is the principal of a statement.
type principal struct{ everybody bool }

// UnmarshalJSON knows "*" and {"AWS": "*"}, which mean the same in a Deny.
func (p *principal) UnmarshalJSON(data []byte) error {
	var one string
	var named map[string]list
	switch {
	case json.Unmarshal(data, &one) == nil:
		p.everybody = one == "*"
	case json.Unmarshal(data, &named) == nil:
		p.everybody = slices.Equal(named["AWS"], list{"*"})
	default:
		return fmt.Errorf("read a principal: %s", data)
	}
	return nil
}
