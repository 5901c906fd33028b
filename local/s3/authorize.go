package s3

import (
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

// check is one question to a bucket's policy.
type check struct {
	action    string // without "s3:", version form applied
	bucket    string
	key       string
	versionID string
	tags      bool              // does s3:ExistingObjectTag apply?
	request   map[string]string // s3:RequestObjectTag
	source    string            // s3:x-amz-copy-source: "bucket/key"
}

// authorize asks the policies about everything that a request does. A batch of
// deletions is asked about key by key, in DeleteObjects.
func (s *buckets) authorize(ctx context.Context, tx *bbolt.Tx) error {
	rc, ok := request(ctx)
	if !ok {
		return nil // our own
	}
	method := string(rc.Method())
	query := rc.QueryArgs()
	if method == http.MethodOptions {
		return nil
	}
	var checks []check
	bucket, key, err := addressed(rc)
	form, isForm := rc.UserValue(string(utils.ContextKeyObjectPostResult)).(middlewares.PostObjectResult)
	switch {
	case err != nil:
	case isForm:
		checks, err = putChecks(bucket, form.Fields["key"], func() (map[string]string, error) { return tagsInXML(form.Fields["tagging"]) })
	case key == "" && method == http.MethodPost && query.Has("delete"): // DeleteObjects
	case key == "":
		for _, action := range actionsOf(bucketActions, method, query) {
			checks = append(checks, check{action: action, bucket: bucket})
		}
	default:
		for _, action := range actionsOf(objectActions, method, query) {
			var more []check
			more, err = objectChecks(rc, tx, action, bucket, key)
			if checks = append(checks, more...); err != nil {
				break
			}
		}
	}
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

// objectChecks spells out one action on an object.
func objectChecks(rc *fasthttp.RequestCtx, tx *bbolt.Tx, action, bucket, key string) ([]check, error) {
	version := string(rc.QueryArgs().Peek("versionId"))
	c := check{action: withVersion(action, version), bucket: bucket, key: key, versionID: version, tags: true}
	header := func(name string) string { return string(rc.Request.Header.Peek(name)) }
	switch action {
	case "PutObject":
		if source := header("X-Amz-Copy-Source"); source != "" {
			return copyChecks(rc, tx, bucket, key, source)
		}
		return putChecks(bucket, key, func() (map[string]string, error) { return parseTags(header("X-Amz-Tagging")) })
	case "DeleteObject":
		c.tags = false
	case "PutObjectTagging":
		var err error
		if c.request, err = tagsInXML(string(rc.Request.Body())); err != nil {
			return nil, err
		}
	case "GetObjectAttributes":
		// It needs the right to read the object as well:
		// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
		read := c
		read.action = withVersion("GetObject", version)
		return []check{read, c}, nil
	}
	return []check{c}, nil
}

// putChecks is for uploads, whole and multipart. s3:ExistingObjectTag is not
// supported for them, so that it says nothing of the object overwritten:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html
func putChecks(bucket, key string, tags func() (map[string]string, error)) ([]check, error) {
	request, err := tags()
	if err != nil {
		return nil, err
	}
	put := check{action: "PutObject", bucket: bucket, key: key, request: request}
	if len(request) == 0 {
		return []check{put}, nil
	}
	tag := put
	tag.action = "PutObjectTagging"
	return []check{put, tag}, nil
}

// copyChecks is for CopyObject and UploadPartCopy. Copied tags need
// GetObjectTagging on the source and PutObjectTagging on the destination:
// https://repost.aws/knowledge-center/s3-troubleshoot-copy-between-buckets
// AWS documents the s3:RequestObjectTag keys for tags given in the request
// alone, so tags that come along with a copy are not shown in them. A policy
// that guards a tag therefore has to refuse the copy (s3:x-amz-copy-source).
func copyChecks(rc *fasthttp.RequestCtx, tx *bbolt.Tx, bucket, key, source string) ([]check, error) {
	from, err := sourceOf(source)
	if err != nil {
		return nil, err
	}
	read := check{action: withVersion("GetObject", from.id), bucket: from.bucket, key: from.key, versionID: from.id, tags: true}
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
		return checks, nil // a part carries no tags
	}
	carried := !replace && len(existingTags(tx, from.bucket, from.key, from.id)) > 0
	if carried {
		read.action = withVersion("GetObjectTagging", from.id)
		checks = append(checks, read)
	}
	if carried || len(request) > 0 {
		put.action = "PutObjectTagging"
		checks = append(checks, put)
	}
	return checks, nil
}

// allow asks one bucket's policy. Where it has no opinion, the account's own
// principals are allowed, since there are no identity policies here, and
// everyone else is not.
func (s *buckets) allow(ctx context.Context, tx *bbolt.Tx, c check) error {
	who := callerOf(ctx)
	r := policy.Request{Principal: who.arn, Account: who.account, Action: "s3:" + c.action, Resource: "arn:aws:s3:::" + c.bucket}
	if c.key != "" {
		r.Resource += "/" + c.key
	}
	r.Context = map[string][]string{
		// The local endpoint speaks plain HTTP on the loopback interface and
		// stands for AWS's TLS endpoint.
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
		Code:           "AccessDenied",
		Description:    fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %q %s", orAnonymous(who.arn), r.Action, r.Resource, why),
		HTTPStatusCode: http.StatusForbidden,
	}
}

// policyOf is nil for a bucket without one.
func (s *buckets) policyOf(tx *bbolt.Tx, bucket string) (*policy.Policy, error) {
	c, err := settingsOf(tx, bucket)
	if err != nil || c.Documents["policy"] == nil {
		return nil, err
	}
	return s.parsed(c.Documents["policy"])
}

// existingTags reads the tags of the addressed version. An object that is not there
// has none, so that a policy may refuse to tell whether it exists.
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

// addressed is the bucket and the key that a request is for; no key for the bucket.
func addressed(rc *fasthttp.RequestCtx) (bucket, key string, err error) {
	raw, _, _ := strings.Cut(string(rc.Request.Header.RequestURI()), "?")
	path, err := url.PathUnescape(raw)
	if err != nil {
		return "", "", s3err.GetAPIError(s3err.ErrInvalidRequest)
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key, nil
}

// condition is the value of a precondition header, without quotes; nil without it.
func condition(rc *fasthttp.RequestCtx, name string) *string {
	v := string(rc.Request.Header.Peek(name))
	if v == "" {
		return nil
	}
	return aws.String(trimQuotes(v))
}

func orAnonymous(arn string) string {
	if arn == "" {
		return "anonymous"
	}
	return arn
}
