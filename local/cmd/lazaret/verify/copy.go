package verify

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// copyOf copies an object into the uploads bucket, with these tags or, if tags is "", with the object's own.
func (r *run) copyOf(ctx context.Context, o job.Object, key, tags string) (version string, err error) {
	parts := strings.Split(o.Key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	in := &s3.CopyObjectInput{
		Bucket: aws.String(r.stack.uploads()),
		Key:    &key,
		CopySource: aws.String(
			o.Bucket + "/" + strings.Join(parts, "/") + "?versionId=" + url.QueryEscape(o.VersionID),
		),
	}
	if tags != "" {
		in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, &tags
	}
	out, err := r.s3.CopyObject(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.VersionId), nil
}

// tryCopy tries to copy the CLEAN sample into the uploads bucket.
func (r *run) tryCopy(ctx context.Context, name, tags string) (p *probe, source *probe, line *Line) {
	if source, line = r.require(ctx, clean); line != nil {
		return nil, source, line
	}
	p = r.uploadExtraBy(ctx, name, source.sample.content, func(ctx context.Context, key string) (string, error) {
		return r.copyOf(ctx, source.location(), key, tags)
	})
	return p, source, nil
}

// mayCopy returns which other permission the caller lacks for a copy, or "" if none: reading the sample, reading its
// tags, and uploading with tags.
func (r *run) mayCopy(ctx context.Context, source *probe) (why string) {
	o := source.location()
	if _, err := r.download(ctx, o.Bucket, o.Key, o.VersionID); err != nil {
		return "reading what is copied is refused, too (s3:GetObjectVersion)"
	}
	if _, err := r.verdictOn(ctx, o); err != nil {
		return "reading the tags of what is copied is refused, too (s3:GetObjectVersionTagging)"
	}
	name := "control-copied.txt"
	p := r.uploadExtraBy(ctx, name, cleanText(r.id, name), func(ctx context.Context, key string) (string, error) {
		return r.put(ctx, key, cleanText(r.id, name), ownTag)
	})
	if p.err != nil {
		return fmt.Sprintf("uploading with the tag %s is refused, too (s3:PutObjectTagging)", ownTag)
	}
	return ""
}

var checkForgedCopy = Check{
	Name: "forged-copy", Claim: "a verdict forged by a copy with new tags is refused",
	Needs: []string{"s3:PutObject", "s3:PutObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		var seen string
		var source *probe
		for n, tag := range forgedTags {
			p, from, line := r.tryCopy(ctx, fmt.Sprintf("forged-copy-%d.txt", n), tag)
			switch {
			case line != nil:
				return *line
			case p.err == nil:
				return fail("a copy tagged %s was accepted", tag)
			case !refused(p.err):
				return errorLine(ctx, p.err, "copy with the tag "+tag, "s3:PutObjectTagging")
			}
			seen, source = answer(p.err), from
		}
		if r.stack.Parameters["AllowCopyInto"] == "true" {
			if p, _, _ := r.tryCopy(ctx, "control-copy.txt", ownTag); p.err != nil {
				return notChecked("refused, but so is a copy with the tag %s (%s)", ownTag, answer(p.err))
			}
			return pass("refused (%s), in both spellings, while a copy with the tag %s is accepted", seen, ownTag)
		}
		if why := r.mayCopy(ctx, source); why != "" {
			return notChecked("refused, but %s", why)
		}
		return pass("refused (%s), while the object and its tags can be read and one with a tag be uploaded", seen)
	},
}

var checkCarriedCopy = Check{
	Name: "carried-copy", Claim: "no copy carries its source's verdict in",
	Needs: []string{"s3:PutObject", "s3:PutObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		p, source, line := r.tryCopy(ctx, "carried-copy.txt", "")
		allowed := r.stack.Parameters["AllowCopyInto"] == "true"
		switch {
		case line != nil:
			return *line
		case allowed && p.err == nil:
			return off(
				"AllowCopyInto=true: a copy of a CLEAN object is accepted, and is CLEAN until it is scanned itself",
			)
		case allowed:
			return off("AllowCopyInto=true; but you may not copy (%s)", answer(p.err))
		case p.err == nil:
			return fail("a copy of a CLEAN object was accepted, with its verdict")
		case !refused(p.err):
			return errorLine(ctx, p.err, "copy a CLEAN object", "s3:PutObject")
		}
		if why := r.mayCopy(ctx, source); why != "" {
			return notChecked("refused, but %s", why)
		}
		return pass(
			"refused (%s), while the object and its tags can be read and one with a tag be uploaded",
			answer(p.err),
		)
	},
}
