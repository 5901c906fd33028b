package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// taggingTries are requests about the tags of an object that had no verdict
// when they were made.
type taggingTries struct {
	upload   error // of the object
	own      error // giving it a harmless tag
	removed  error // taking that away
	forged   error // giving it a verdict, nil when that was accepted
	tag      string
	unjudged bool // it had none when all had been tried
}

// tryTagging sends these requests about one object after the other, until an object has no verdict during all of them.
func (r *run) tryTagging(ctx context.Context) (t taggingTries) {
	for n := range maxTries {
		name := fmt.Sprintf("tagged-%d.txt", n)
		p := r.uploadExtra(ctx, name, slowText(r.id, name, n))
		if t = (taggingTries{upload: p.err}); t.upload != nil {
			return t
		}
		t.own = r.retag(ctx, p.object, ownTag)
		t.removed = r.untag(ctx, p.object)
		for _, t.tag = range forgedTags {
			if t.forged = r.retag(ctx, p.object, t.tag); !refused(t.forged) {
				return t
			}
		}
		verdict, err := r.verdictOn(ctx, p.object)
		if t.unjudged = err == nil && verdict == ""; t.unjudged || ctx.Err() != nil {
			return t
		}
	}
	return t
}

func (r *run) retag(ctx context.Context, o job.Object, tag string) error {
	name, value, _ := strings.Cut(tag, "=")
	_, err := r.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
		Bucket:    &o.Bucket,
		Key:       &o.Key,
		VersionId: &o.VersionID,
		Tagging:   &types.Tagging{TagSet: []types.Tag{{Key: &name, Value: &value}}},
	})
	return err
}

func (r *run) untag(ctx context.Context, o job.Object) error {
	_, err := r.s3.DeleteObjectTagging(
		ctx,
		&s3.DeleteObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID},
	)
	return err
}

var checkForgedTagging = Check{
	Name: "forged-tagging", Claim: "a verdict forged by tagging an uploaded object is refused",
	Needs: []string{"s3:PutObjectVersionTagging", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		t := r.tagging()
		switch {
		case t.upload != nil:
			return errorLine(ctx, t.upload, "upload an object to be tagged", "s3:PutObject")
		case t.forged == nil:
			return fail("an object without a verdict was tagged %s", t.tag)
		case !refused(t.forged):
			return errorLine(ctx, t.forged, "tag an object "+t.tag, "s3:PutObjectVersionTagging")
		case !t.unjudged:
			return notChecked("refused, but each of %d objects was judged before all could be tried", maxTries)
		case t.own != nil:
			return notChecked(
				"refused, but so is the tag %s (%s): you may not tag (s3:PutObjectVersionTagging)",
				ownTag,
				answer(t.own),
			)
		}
		return pass("refused (%s), in both spellings, while the tag %s is accepted", answer(t.forged), ownTag)
	},
}

var checkVerdictStays = Check{
	Name: "verdict-stays", Claim: "a verdict cannot be replaced or removed",
	Needs: []string{"s3:PutObjectVersionTagging", "s3:DeleteObjectVersionTagging", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		name := judged // stays where it was uploaded, in both layouts
		if r.stack.Parameters["QuarantineUnscannable"] == "true" {
			if name = clean; r.stack.threeBuckets() {
				return notChecked(
					"with QuarantineUnscannable=true in three-bucket no judged object stays in %s",
					r.stack.uploads(),
				)
			}
		}
		p, line := r.require(ctx, name)
		if line != nil {
			return *line
		}
		replaced, removed := r.retag(ctx, p.object, ownTag), r.untag(ctx, p.object)
		verdict, err := r.verdictOn(ctx, p.object)
		switch {
		case replaced == nil:
			return fail("the tags of an object that is %s were replaced", p.sample.want)
		case removed == nil:
			return fail("the tags of an object that is %s were removed", p.sample.want)
		case err == nil && verdict != string(p.sample.want):
			return fail("the verdict on an object that was %s is %q now", p.sample.want, verdict)
		case !refused(replaced):
			return errorLine(ctx, replaced, "replace the tags of "+p.object.Key, "s3:PutObjectVersionTagging")
		case !refused(removed):
			return errorLine(ctx, removed, "remove the tags of "+p.object.Key, "s3:DeleteObjectVersionTagging")
		}
		switch t := r.tagging(); {
		case !t.unjudged:
			return notChecked("refused, but no object could be tagged before it was judged, for comparison")
		case t.own != nil || t.removed != nil:
			return notChecked(
				"refused, but so it is on an object without a verdict: you may not " +
					"(s3:PutObjectVersionTagging, s3:DeleteObjectVersionTagging)",
			)
		}
		return pass(
			"refused (%s) on an object that is %s, while an object without a verdict can be tagged and untagged",
			answer(replaced),
			p.sample.want,
		)
	},
}
