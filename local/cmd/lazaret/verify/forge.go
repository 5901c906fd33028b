package verify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/verdicttag"
)

// forgedTags are tags that claim a verdict. Condition keys of policies ignore case, and so do readers of the tags.
var forgedTags = []string{"scan-status=CLEAN", "Scan-Status=CLEAN"}

// forgedForGuardDuty are the same for readers of GuardDuty's tag.
var forgedForGuardDuty = []string{
	verdicttag.GuardDuty + "=NO_THREATS_FOUND", strings.ToLower(verdicttag.GuardDuty) + "=NO_THREATS_FOUND",
}

// ownTag is a harmless tag. The request that is refused with a forged tag must succeed with this one.
const ownTag = "lazaret-verify=control"

// checkForgeries are the checks of each way in which an uploader could forge a verdict.
var checkForgeries = []Check{
	{
		Name: "forged-put", Claim: "a verdict forged by PUT is refused",
		Needs: []string{"s3:PutObject", "s3:PutObjectTagging"}, Run: forged(forgedTags, "put", (*run).putTagged),
	},
	{
		Name:  "forged-multipart",
		Claim: "a verdict forged by multipart upload is refused",
		Needs: []string{
			"s3:PutObject",
			"s3:PutObjectTagging",
			"s3:AbortMultipartUpload",
		},
		Run: forged(forgedTags, "multipart", (*run).beginTagged),
	},
	{
		Name: "forged-form", Claim: "a verdict forged by a POST form is refused",
		Needs: []string{"s3:PutObject", "s3:PutObjectTagging"}, Run: forged(forgedTags, "form", (*run).formTagged),
	},
	checkForgedTagging,
	{
		Name: "forged-guardduty", Claim: "GuardDuty's tag, forged by PUT, is refused",
		Needs: []string{"s3:PutObject", "s3:PutObjectTagging"},
		Run: func(ctx context.Context, r *run) Line {
			if r.stack.Parameters["GuardDutyTag"] != "true" {
				return off("GuardDutyTag=%s does not write it", r.stack.Parameters["GuardDutyTag"])
			}
			return forged(forgedForGuardDuty, "guardduty", (*run).putTagged)(ctx, r)
		},
	},
	checkForgedCopy,
	checkCarriedCopy,
}

// forged returns a check that uploads with each forged tag, and then with a harmless one.
func forged(
	tags []string,
	how string,
	upload func(*run, context.Context, string, []byte, string) (string, error),
) func(context.Context, *run) Line {
	return func(ctx context.Context, r *run) Line {
		var seen string
		for n, tag := range tags {
			name := fmt.Sprintf("forged-%s-%d.txt", how, n)
			content := cleanText(r.id, name)
			p := r.uploadExtraBy(
				ctx,
				name,
				content,
				func(ctx context.Context, key string) (string, error) { return upload(r, ctx, key, content, tag) },
			)
			switch {
			case p.err == nil:
				return fail("an upload tagged %s was accepted", tag)
			case !refused(p.err):
				return errorLine(ctx, p.err, "upload with the tag "+tag, "s3:PutObjectTagging")
			}
			seen = answer(p.err)
		}
		name := "control-" + how + ".txt"
		content := cleanText(r.id, name)
		p := r.uploadExtraBy(
			ctx,
			name,
			content,
			func(ctx context.Context, key string) (string, error) { return upload(r, ctx, key, content, ownTag) },
		)
		if p.err != nil {
			return notChecked("it is refused, but so is the same upload with the tag %s (%s)", ownTag, answer(p.err))
		}
		return pass("refused (%s), in both spellings, while the same upload with the tag %s is accepted", seen, ownTag)
	}
}

func (r *run) putTagged(ctx context.Context, key string, content []byte, tags string) (string, error) {
	return r.put(ctx, key, content, tags)
}

// beginTagged uploads in one part. The tags are in the request that begins the upload.
func (r *run) beginTagged(ctx context.Context, key string, content []byte, tags string) (version string, err error) {
	bucket := aws.String(r.stack.uploads())
	// The SDK adds a checksum to each part. S3 refuses a part with another algorithm than this request names.
	begun, err := r.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: bucket, Key: &key, Tagging: &tags, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return "", err
	}
	part, err := r.s3.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: bucket, Key: &key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(content),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return "", fmt.Errorf("upload a part: %w", err)
	}
	done, err := r.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: &key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
			Parts: []types.CompletedPart{
				{PartNumber: aws.Int32(1), ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32},
			},
		},
	})
	if err != nil {
		return "", fmt.Errorf("complete the upload: %w", err)
	}
	return aws.ToString(done.VersionId), nil
}

// formTagged uploads through a form with a signed policy, as a browser does.
func (r *run) formTagged(ctx context.Context, key string, content []byte, tags string) (version string, err error) {
	presigned, err := s3.NewPresignClient(r.s3).PresignPostObject(
		ctx,
		&s3.PutObjectInput{Bucket: aws.String(r.stack.uploads()), Key: &key},
		func(o *s3.PresignPostOptions) { o.Conditions = []any{[]any{"starts-with", "$tagging", ""}} },
	)
	if err != nil {
		return "", fmt.Errorf("sign a form: %w", err)
	}
	name, value, _ := strings.Cut(tags, "=")
	presigned.Values["tagging"] = fmt.Sprintf(
		"<Tagging><TagSet><Tag><Key>%s</Key><Value>%s</Value></Tag></TagSet></Tagging>",
		name,
		value,
	)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for field, value := range presigned.Values {
		_ = form.WriteField(field, value) // into memory
	}
	file, _ := form.CreateFormFile("file", "form.txt")
	_, _ = file.Write(content)
	_ = form.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, presigned.URL, &body)
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096)) // for the error only
	if response.StatusCode >= http.StatusMultipleChoices {
		return "", &formError{code: response.StatusCode, text: string(text)}
	}
	return response.Header.Get("X-Amz-Version-Id"), nil
}

// formError is an error that S3 has answered to a form. The SDK sends no forms.
type formError struct {
	code int
	text string
}

func (e *formError) Error() string { return fmt.Sprintf("S3 answered %d: %s", e.code, brief(e.text)) }

// HTTPStatusCode returns the status of the answer.
func (e *formError) HTTPStatusCode() int { return e.code }
