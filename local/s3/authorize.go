package s3

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/template"
)

// check is one question to the policy of a bucket.
type check struct {
	action    string // without "s3:"
	bucket    string
	key       string
	versionID string
	tags      bool              // does s3:ExistingObjectTag apply?
	request   map[string]string // s3:RequestObjectTag
	source    string            // s3:x-amz-copy-source: "bucket/key"
}

// authorize asks the policies whether the caller may do all that a request does. DeleteObjects asks for each key.
func (s *buckets) authorize(ctx context.Context, tx *bbolt.Tx) error {
	rc, ok := request(ctx)
	if !ok {
		return nil // called by the stack itself
	}
	if string(rc.Method()) == http.MethodOptions {
		return nil
	}
	checks, err := checksOf(rc, tx)
	if err != nil {
		return err
	}
	for _, c := range checks {
		if err := s.allow(rc, tx, c); err != nil {
			return err
		}
	}
	return nil
}

// checksOf returns the checks of a request.
func checksOf(rc *fasthttp.RequestCtx, tx *bbolt.Tx) (checks []check, err error) {
	bucket, key, err := addressed(rc)
	if err != nil {
		return nil, err
	}
	method, query := string(rc.Method()), rc.QueryArgs()
	form, isForm := rc.UserValue(string(utils.ContextKeyObjectPostResult)).(middlewares.PostObjectResult)
	switch {
	case isForm:
		tags, err := tagsInXML(form.Fields["tagging"])
		return putChecks(bucket, form.Fields["key"], tags), err
	case key != "":
		for _, action := range objectActionsOf(method, query) {
			more, err := objectChecks(rc, tx, action, bucket, key)
			if err != nil {
				return nil, err
			}
			checks = append(checks, more...)
		}
	case method == http.MethodPost && query.Has("delete"): // DeleteObjects
	default:
		for _, action := range bucketActionsOf(method, query) {
			checks = append(checks, check{action: action, bucket: bucket})
		}
	}
	return checks, nil
}

// objectChecks returns the checks of one action on an object.
func objectChecks(rc *fasthttp.RequestCtx, tx *bbolt.Tx, action, bucket, key string) ([]check, error) {
	version := string(rc.QueryArgs().Peek("versionId"))
	c := check{action: withVersion(action, version), bucket: bucket, key: key, versionID: version, tags: true}
	var err error
	switch action {
	case "PutObject":
		if source := string(rc.Request.Header.Peek("X-Amz-Copy-Source")); source != "" {
			return copyChecks(rc, tx, bucket, key, source)
		}
		tags, err := parseTags(string(rc.Request.Header.Peek("X-Amz-Tagging")))
		return putChecks(bucket, key, tags), err
	case "DeleteObject":
		c.tags = false
	case "PutObjectTagging":
		c.request, err = tagsInXML(string(rc.Request.Body()))
	case "GetObjectAttributes":
		// It also needs the right to read the object:
		// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
		read := c
		read.action = withVersion("GetObject", version)
		return []check{read, c}, nil
	}
	return []check{c}, err
}

// putChecks returns the checks of an upload, whole or multipart. s3:ExistingObjectTag does not apply to uploads, so
// that nothing is said about the object that is overwritten:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html
func putChecks(bucket, key string, tags map[string]string) []check {
	put := check{action: "PutObject", bucket: bucket, key: key, request: tags}
	if len(tags) == 0 {
		return []check{put}
	}
	tag := put
	tag.action = "PutObjectTagging"
	return []check{put, tag}
}

// copyChecks returns the checks of CopyObject and UploadPartCopy. To copy tags needs GetObjectTagging on the source and
// PutObjectTagging on the destination:
// https://repost.aws/knowledge-center/s3-troubleshoot-copy-between-buckets
// AWS documents the keys s3:RequestObjectTag for tags in the request only, so copied tags do not appear in them. A
// policy that protects a tag has to refuse the copy, by s3:x-amz-copy-source.
func copyChecks(rc *fasthttp.RequestCtx, tx *bbolt.Tx, bucket, key, source string) ([]check, error) {
	from, err := sourceOf(source)
	if err != nil {
		return nil, err
	}
	read := check{
		action: withVersion("GetObject", from.id), bucket: from.bucket, key: from.key, versionID: from.id, tags: true,
	}
	var request map[string]string
	replace := string(rc.Request.Header.Peek("X-Amz-Tagging-Directive")) == "REPLACE"
	if replace {
		if request, err = parseTags(string(rc.Request.Header.Peek("X-Amz-Tagging"))); err != nil {
			return nil, err
		}
	}
	put := check{action: "PutObject", bucket: bucket, key: key, request: request, source: from.bucket + "/" + from.key}
	checks := []check{put, read}
	if rc.QueryArgs().Has("uploadId") {
		return checks, nil // a part has no tags
	}
	copied := !replace && len(existingTags(tx, from.bucket, from.key, from.id)) > 0
	if copied {
		read.action = withVersion("GetObjectTagging", from.id)
		checks = append(checks, read)
	}
	if copied || len(request) > 0 {
		put.action = "PutObjectTagging"
		checks = append(checks, put)
	}
	return checks, nil
}

// allow evaluates the policy of a bucket. When it neither allows nor denies, callers of the account are allowed,
// because there are no identity policies here, and all others are denied.
func (s *buckets) allow(ctx context.Context, tx *bbolt.Tx, c check) error {
	who := callerOf(ctx)
	r := policy.Request{
		Principal: who.arn, Account: who.account, Action: "s3:" + c.action, Resource: "arn:aws:s3:::" + c.bucket,
	}
	if c.key != "" {
		r.Resource += "/" + c.key
	}
	r.Context = map[string][]string{
		// The endpoint stands for one with TLS, although it speaks plain HTTP on loopback.
		"aws:SecureTransport":       {"true"},
		"aws:PrincipalIsAWSService": {"false"},
	}
	set := func(key, value string) {
		if value != "" {
			r.Context[key] = append(r.Context[key], value)
		}
	}
	set("aws:PrincipalArn", who.arn)
	set("aws:PrincipalAccount", who.account)
	set("s3:VersionId", c.versionID)
	set("s3:x-amz-copy-source", c.source)
	for k, v := range c.request {
		r.Context["s3:RequestObjectTag/"+k] = []string{v}
		set("s3:RequestObjectTagKeys", k)
	}
	if c.tags {
		for k, v := range existingTags(tx, c.bucket, c.key, c.versionID) {
			r.Context["s3:ExistingObjectTag/"+k] = []string{v}
		}
	}
	p, err := s.policyOf(tx, c.bucket)
	if err != nil {
		return err
	}
	d := p.Evaluate(r)
	if d.Effect == policy.Allow || d.Effect == policy.NoOpinion && who.account == template.Account {
		return nil
	}
	why := "because no resource-based policy allows it"
	if d.Effect == policy.Deny {
		why = fmt.Sprintf("with an explicit deny in a resource-based policy (statement %s)", d.Sid)
	}
	return s3err.APIError{
		Code: "AccessDenied", HTTPStatusCode: http.StatusForbidden,
		Description: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %q %s",
			cmp.Or(who.arn, "anonymous"), r.Action, r.Resource, why),
	}
}

// policyOf returns nil for a bucket without a policy.
func (s *buckets) policyOf(tx *bbolt.Tx, bucket string) (*policy.Policy, error) {
	c, err := settingsOf(tx, bucket)
	if err != nil || c.Documents["policy"] == nil {
		return nil, err
	}
	return s.parsePolicy(c.Documents["policy"])
}

// existingTags returns the tags of a version. An object that does not exist has none, so that a policy can hide whether
// it exists.
func existingTags(tx *bbolt.Tx, bucket, key, id string) map[string]string {
	v, err := find(tx, bucket, key, id)
	if err != nil {
		return nil
	}
	return v.Tags
}

// tagsInXML reads the Tagging document of PutObjectTagging and of POST forms.
func tagsInXML(document string) (map[string]string, error) {
	if document == "" {
		return nil, nil
	}
	tags, err := utils.ParseTagging([]byte(document), utils.TagLimitObject)
	return maps.Clone(tags), err
}

// addressed returns the bucket and the key of a request. A request to the bucket has no key.
func addressed(rc *fasthttp.RequestCtx) (bucket, key string, err error) {
	raw, _, _ := strings.Cut(string(rc.Request.Header.RequestURI()), "?")
	path, err := url.PathUnescape(raw)
	if err != nil {
		return "", "", s3err.GetAPIError(s3err.ErrInvalidRequest)
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key, nil
}

// condition returns the value of a precondition header without quotes, or nil.
func condition(rc *fasthttp.RequestCtx, name string) *string {
	v := string(rc.Request.Header.Peek(name))
	if v == "" {
		return nil
	}
	return aws.String(trimQuotes(v))
}
