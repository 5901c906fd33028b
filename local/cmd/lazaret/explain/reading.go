package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/policy"
)

// Reading says whether Lazaret's statements in the bucket's policy refuse to serve the object. Other statements, IAM
// and KMS are not evaluated.
type Reading struct {
	Bucket    string   `json:"bucket"`              // where the object is now
	Refused   bool     `json:"refused"`             // to everybody but Exempt
	Statement string   `json:"statement,omitempty"` // its Sid
	Exempt    []string `json:"exempt,omitempty"`    // ARNs that the statement does not refuse
	CallerMay bool     `json:"callerMay,omitempty"` // the caller is one of them
	Says      string   `json:"says"`
}

// gates are the Sids of the statements that refuse reads, in template.yaml.
var gates = []string{"NoReadUnlessClean", "NoReadOfInfected", "OnlyTheNamedRoleReads"}

// reading evaluates the policy of the bucket in which the object is now. It returns nil if it is nowhere.
func (e *Explainer) reading(ctx context.Context, f *found, p *Page) *Reading {
	at, tags := f.object, f.tags
	switch {
	case f.version == nil && f.copy != nil:
		at = job.Object{Bucket: f.copy.Bucket, Key: f.copy.Key, VersionID: f.copy.VersionID}
		if at.Bucket != e.stack.Bucket("clean") {
			break // the policy of quarantine does not look at tags
		}
		var err error
		if tags, err = tagsOf(ctx, e.clients.S3, at); err != nil {
			p.NotKnown = append(p.NotKnown, fmt.Sprintf("the tags of the copy in %s, and so whether its policy refuses to "+
				"read it (s3:GetObjectVersionTagging): %v", at.Bucket, err))
			return nil
		}
	case f.version == nil:
		return nil
	case tags == nil:
		return nil // whether it may be read depends on what is not known
	}
	r := &Reading{Bucket: at.Bucket}
	out, err := e.clients.S3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &at.Bucket})
	api, _ := errors.AsType[smithy.APIError](err)
	switch {
	case api != nil && api.ErrorCode() == "NoSuchBucketPolicy":
		r.Says = "The bucket has no policy, so Lazaret refuses nothing there."
		return r
	case err != nil:
		p.NotKnown = append(p.NotKnown, fmt.Sprintf("whether the policy of %s refuses to read it (s3:GetBucketPolicy): %v",
			at.Bucket, err))
		return nil
	}
	r.evaluate(aws.ToString(out.Policy), e.stack, at, tags)
	if r.Refused {
		who, err := e.clients.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		for _, named := range r.Exempt {
			r.CallerMay = r.CallerMay || err == nil && deployment.IsCaller(named, aws.ToString(who.Arn))
		}
		if r.CallerMay {
			r.Says += " You are one of them."
		}
	}
	return r
}

// rawStatement is the part of a statement that is read without evaluating it.
type rawStatement struct {
	Sid       string
	Condition map[string]map[string]json.RawMessage
}

// evaluate looks for the first of the gates that refuses to serve the object to somebody whom no statement names.
func (r *Reading) evaluate(document string, stack deployment.Stack, at job.Object, tags map[string]string) {
	var whole struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		r.Says = fmt.Sprintf("The policy of %s cannot be read here: %v.", at.Bucket, err)
		return
	}
	request := policy.Request{
		Principal: "arn:" + stack.Partition() + ":iam::" + stack.Account() + ":user/somebody", Account: stack.Account(),
		Action: "s3:GetObject", Resource: "arn:" + stack.Partition() + ":s3:::" + at.Bucket + "/" + at.Key,
		Context: map[string][]string{"aws:SecureTransport": {"true"}},
	}
	request.Context["aws:PrincipalArn"] = []string{request.Principal}
	request.Context["aws:PrincipalAccount"] = []string{request.Account}
	for key, value := range tags {
		request.Context["s3:ExistingObjectTag/"+key] = []string{value}
	}
	has := false
	for _, raw := range whole.Statement {
		var s rawStatement
		if json.Unmarshal(raw, &s) != nil || !slices.Contains(gates, s.Sid) {
			continue
		}
		has = true
		single, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []json.RawMessage{raw}})
		var parsed *policy.Policy
		if err == nil {
			parsed, err = policy.Parse(single)
		}
		if err != nil {
			r.Says = fmt.Sprintf("The statement %s in the policy of %s is not as Lazaret writes it: %v.", s.Sid, at.Bucket, err)
			return
		}
		if parsed.Evaluate(request).Effect == policy.Deny {
			r.refuse(s, tags)
			return
		}
	}
	if !has && at.Bucket != stack.Bucket("clean") { // where everything is CLEAN
		r.Says = "No statement of Lazaret's in the bucket's policy guards reads: there is no read gate."
		return
	}
	r.Says = "Lazaret does not refuse to serve it: everybody can read it whom IAM and other policies allow to."
}

// refuse says which statement refuses, why, and to whom not.
func (r *Reading) refuse(s rawStatement, tags map[string]string) {
	r.Refused, r.Statement, r.Exempt = true, s.Sid, exempt(s)
	why := "no role but the named ones may read from quarantine"
	if s.Sid != "OnlyTheNamedRoleReads" {
		why = "it has no tag scan-status yet"
		if status, has := tags["scan-status"]; has {
			why = "its tag scan-status is " + status
		}
	}
	r.Says = fmt.Sprintf("A GET is refused (403) by the statement %s in the policy of %s, because %s",
		s.Sid, r.Bucket, why)
	if r.Exempt != nil {
		var names []string
		for _, a := range r.Exempt {
			names = append(names, a[strings.LastIndexAny(a, ":/")+1:])
		}
		r.Says += "; it does not refuse " + strings.Join(names, ", ")
	}
	r.Says += "."
}

// exempt returns the principals that a statement names as exempt.
func exempt(s rawStatement) (arns []string) {
	raw := s.Condition["ArnNotEquals"]["aws:PrincipalArn"]
	if json.Unmarshal(raw, &arns) != nil {
		var one string
		if json.Unmarshal(raw, &one) == nil && one != "" {
			arns = []string{one}
		}
	}
	return arns
}
