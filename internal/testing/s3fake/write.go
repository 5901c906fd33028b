package s3fake

import (
	"context"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// PutObject stores an object. It checks the conditions.
func (f *S3) PutObject(
	_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options),
) (out *s3.PutObjectOutput, err error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	err = f.call("PutObject", func() error {
		there, _ := f.find("PutObject", in.Bucket, in.Key, nil)
		if err := match("PutObject", there, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		o := f.add(*in.Bucket, *in.Key, Object{Body: string(body), ContentType: aws.ToString(in.ContentType)})
		out = &s3.PutObjectOutput{VersionId: f.buckets[*in.Bucket].id(o)}
		return nil
	})
	return out, err
}

// PutObjectTagging replaces a version's tags.
func (f *S3) PutObjectTagging(
	_ context.Context, in *s3.PutObjectTaggingInput, _ ...func(*s3.Options),
) (out *s3.PutObjectTaggingOutput, err error) {
	err = f.call("PutObjectTagging", func() error {
		o, err := f.find("PutObjectTagging", in.Bucket, in.Key, in.VersionId)
		if err != nil {
			return err
		}
		if len(in.Tagging.TagSet) > 10 {
			return Err("PutObjectTagging", 400, "BadRequest", "Object tags cannot be greater than 10")
		}
		o.Tags = map[string]string{}
		for _, t := range in.Tagging.TagSet {
			o.Tags[*t.Key] = *t.Value
		}
		out = &s3.PutObjectTaggingOutput{}
		return nil
	})
	return out, err
}

// CopyObject copies a version. It checks the conditions on the source and on the destination.
func (f *S3) CopyObject(
	ctx context.Context, in *s3.CopyObjectInput, options ...func(*s3.Options),
) (out *s3.CopyObjectOutput, err error) {
	err = f.call("CopyObject", func() error {
		src, err := f.source(*in.CopySource)
		if err != nil {
			return err
		}
		if err := match("CopyObject", src, in.CopySourceIfMatch, nil); err != nil {
			return err
		}
		if f.buckets[*in.Bucket] == nil {
			return Err("CopyObject", 404, "NoSuchBucket", "")
		}
		there, _ := f.find("CopyObject", in.Bucket, in.Key, nil)
		if err := match("CopyObject", there, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		o, err := copied(ctx, *src, in, options)
		if err != nil {
			return err
		}
		if f.ChangeCopy != nil {
			f.ChangeCopy(&o)
		}
		stored := f.add(*in.Bucket, *in.Key, o)
		result := &types.CopyObjectResult{ETag: aws.String(stored.ETag()), LastModified: aws.Time(stored.Modified)}
		if o.SHA256 {
			result.ChecksumSHA256, result.ChecksumType = aws.String(sum(o.Body)), types.ChecksumTypeFullObject
		}
		out = &s3.CopyObjectOutput{CopyObjectResult: result, VersionId: f.buckets[*in.Bucket].id(stored)}
		return nil
	})
	return out, err
}

// source returns the version that the header x-amz-copy-source names.
func (f *S3) source(header string) (*Object, error) {
	name, version, _ := strings.Cut(header, "?versionId=")
	plain, err := url.QueryUnescape(name) // reads a plus sign as a space, as S3 does
	if err != nil {
		return nil, Err("CopyObject", 400, "InvalidArgument", err.Error())
	}
	bucket, key, _ := strings.Cut(plain, "/")
	return f.find("CopyObject", &bucket, &key, &version)
}

// stored returns the Content-Encoding that S3 stores. aws-chunked only says how a body is sent:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func stored(encoding string) string {
	codings := strings.Split(encoding, ",")
	return strings.Join(
		slices.DeleteFunc(codings, func(c string) bool { return strings.TrimSpace(c) == "aws-chunked" }),
		",",
	)
}

// copied returns the object that a CopyObject request makes from src.
func copied(ctx context.Context, src Object, in *s3.CopyObjectInput, options []func(*s3.Options)) (Object, error) {
	o := Object{
		Body: src.Body, Metadata: maps.Clone(src.Metadata), Tags: maps.Clone(src.Tags), MissingMeta: src.MissingMeta,
		ContentType: src.ContentType, ContentEncoding: src.ContentEncoding, ContentDisposition: src.ContentDisposition,
		ContentLanguage: src.ContentLanguage, CacheControl: src.CacheControl, Expires: src.Expires,
		Redirect: aws.ToString(in.WebsiteRedirectLocation),
		SHA256:   in.ChecksumAlgorithm == types.ChecksumAlgorithmSha256 || src.SHA256,
	}
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		o.Metadata, o.MissingMeta = maps.Clone(in.Metadata), 0
		o.ContentType, o.ContentEncoding = aws.ToString(in.ContentType), stored(aws.ToString(in.ContentEncoding))
		o.ContentDisposition, o.ContentLanguage = aws.ToString(in.ContentDisposition), aws.ToString(in.ContentLanguage)
		o.CacheControl, o.Expires = aws.ToString(in.CacheControl), header(ctx, "Expires", options)
		size := 0
		for k, v := range o.Metadata {
			size += len(k) + len(v)
		}
		if size > 2048 {
			return o, Err("CopyObject", 400, "MetadataTooLarge", "")
		}
	}
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		set, err := url.ParseQuery(aws.ToString(in.Tagging))
		if err != nil || len(set) > 10 {
			return o, Err("CopyObject", 400, "InvalidTag", "")
		}
		o.Tags = map[string]string{}
		for k := range set {
			o.Tags[k] = set.Get(k)
		}
	}
	return o, nil
}

// header returns a header that the options of a request set, by running their middleware.
func header(ctx context.Context, name string, options []func(*s3.Options)) string {
	var o s3.Options
	for _, option := range options {
		option(&o)
	}
	stack := middleware.NewStack("header", smithyhttp.NewStackRequest)
	for _, add := range o.APIOptions {
		if err := add(stack); err != nil {
			return err.Error()
		}
	}
	request := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	end := middleware.HandlerFunc(func(context.Context, any) (any, middleware.Metadata, error) {
		return nil, middleware.Metadata{}, nil
	})
	if _, _, err := stack.Build.HandleMiddleware(ctx, request, end); err != nil {
		return err.Error()
	}
	return request.Header.Get(name)
}

// DeleteObject deletes a version or, without a version id, adds a delete marker.
func (f *S3) DeleteObject(
	_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options),
) (out *s3.DeleteObjectOutput, err error) {
	err = f.call("DeleteObject", func() error {
		b := f.buckets[*in.Bucket]
		out = &s3.DeleteObjectOutput{}
		current, _ := f.find("DeleteObject", in.Bucket, in.Key, nil)
		if err := match("DeleteObject", current, in.IfMatch, nil); err != nil {
			return err
		}
		id := aws.ToString(in.VersionId)
		if id == "" && b.had {
			f.add(*in.Bucket, *in.Key, Object{Marker: true})
			return nil
		}
		if id == "" {
			id = null
		}
		i := slices.IndexFunc(b.keys[*in.Key], func(o *Object) bool { return o.ID == id })
		if i < 0 {
			return nil // S3 answers 204 if the version does not exist
		}
		if b.keys[*in.Key][i].Locked {
			return Err("DeleteObject", 403, "AccessDenied", "Access Denied because object protected by object lock.")
		}
		b.keys[*in.Key] = slices.Delete(b.keys[*in.Key], i, i+1)
		return nil
	})
	return out, err
}
