package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
)

// errConflict is the answer when a part is replaced while its upload is completed.
var errConflict = s3err.APIError{
	Code: "OperationAborted", HTTPStatusCode: http.StatusConflict,
	Description: "A conflicting operation is in progress.",
}

// CompleteMultipartUpload makes an object of parts. As on S3, it succeeds again for an upload that became the current
// version.
func (s *buckets) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (
	out s3response.CompleteMultipartUploadResult, id string, err error,
) {
	from := place{bucket: *in.Bucket, key: reveal(*in.Key), id: *in.UploadId}
	out = s3response.CompleteMultipartUploadResult{Bucket: in.Bucket, Key: &from.key}
	var u upload
	var chosen []part
	var made version
	if err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		u, err = uploadOf(tx, from)
		if _, gone := errors.AsType[s3err.NoSuchUploadError](err); gone {
			made, id, err = completed(tx, from, err)
			return err
		}
		if err == nil {
			chosen, err = choose(tx, u, in)
		}
		return err
	}); err != nil {
		return out, "", err
	}
	if chosen != nil {
		made, err = s.join(u, chosen, in)
		if errors.Is(err, fs.ErrNotExist) {
			err = errConflict
		}
		if err != nil {
			return out, "", failure(err)
		}
		at := target{createdMultipart, from.bucket, from.key, in.IfMatch, in.IfNoneMatch}
		if id, err = s.store(ctx, at, &made, func(tx *bbolt.Tx) error {
			return s.consume(tx, from, in, chosen)
		}); err != nil {
			return out, "", err
		}
	}
	out.ETag = aws.String(quoted(made.ETag))
	made.Sum.put(&out)
	return out, id, nil
}

// completed returns the current version when it was made from the upload, and else the error.
func completed(tx *bbolt.Tx, from place, notFound error) (version, string, error) {
	now, exists, err := current(tx, from.bucket, from.key)
	if err != nil || !exists || now.Upload != from.id {
		return version{}, "", notFound
	}
	c, err := settingsOf(tx, from.bucket)
	return now, answeredID(c, now), err
}

// consume removes the upload, unless a part is not the one that was chosen any more.
func (s *buckets) consume(tx *bbolt.Tx, from place, in *s3.CompleteMultipartUploadInput, chosen []part) error {
	u, err := uploadOf(tx, from)
	if err != nil {
		return err
	}
	now, err := choose(tx, u, in)
	if err != nil {
		return err
	}
	for i := range now {
		if now[i].Body != chosen[i].Body {
			return errConflict
		}
	}
	return s.dropUpload(tx, from)
}

// choose returns the parts that a completion lists, which must keep S3's rules.
func choose(tx *bbolt.Tx, u upload, in *s3.CompleteMultipartUploadInput) ([]part, error) {
	stored := tx.Bucket(partsBucket).Bucket([]byte(*in.UploadId))
	listed := in.MultipartUpload.Parts
	parts := []part{}
	var previous int32
	for i, l := range listed {
		if l.PartNumber == nil || l.ETag == nil {
			return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		n := *l.PartNumber
		if n < 1 || n > maxParts {
			return nil, s3err.GetInvalidArgumentErr(s3err.InvalidArgCompleteMpPartNumber, strconv.Itoa(int(n)))
		}
		if n <= previous {
			return nil, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
		previous = n
		var p part
		exists, err := store.GetJSON(stored, partKey(n), &p)
		if err != nil {
			return nil, err
		}
		if !exists || p.ETag != trimQuotes(*l.ETag) {
			return nil, s3err.GetInvalidPartErr(*in.UploadId, n, *l.ETag)
		}
		if err := checkPartSum(u, p, l, *in.UploadId); err != nil {
			return nil, err
		}
		if i < len(listed)-1 && p.Size < backend.MinPartSize {
			return nil, s3err.GetEntityTooSmallErr(p.Size, backend.MinPartSize)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// checkPartSum compares the checksum that a completion lists for a part. S3 knows no checksums of parts but those that
// the start of the upload announced: https://github.com/aws/aws-sdk-go-v2/issues/3005
func checkPartSum(u upload, p part, listed types.CompletedPart, id string) error {
	sum := given(&listed)
	if sum.Algorithm != "" && (sum.Algorithm != u.Sum.Algorithm || sum.Value != p.Sum.Value) {
		return s3err.GetInvalidPartErr(id, *listed.PartNumber, *listed.ETag)
	}
	if u.Sum.Type == types.ChecksumTypeComposite && sum.Algorithm == "" {
		return s3err.APIError{
			Code: "InvalidRequest", HTTPStatusCode: http.StatusBadRequest,
			Description: fmt.Sprintf("The upload was created using a %s checksum. The complete request must include "+
				"the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(string(u.Sum.Algorithm)), *listed.PartNumber),
		}
	}
	return nil
}

// join makes a version of parts. Its ETag and checksum are computed from those of the parts, without reading the body.
func (s *buckets) join(u upload, parts []part, in *s3.CompleteMultipartUploadInput) (v version, err error) {
	v = version{Tags: u.Tags, headers: u.headers, lock: u.lock, Upload: *in.UploadId}
	for _, p := range parts {
		v.Size += p.Size
		v.Parts = append(v.Parts, v.Size)
	}
	if n := in.MpuObjectSize; n != nil && *n != v.Size {
		return v, s3err.GetIncorrectMpObjectSizeErr(v.Size, *n)
	}
	if in.ChecksumType != "" && in.ChecksumType != u.Sum.Type {
		return v, s3err.GetChecksumTypeMismatchOnMpErr(u.Sum.Type)
	}
	eTag, err := backend.ComputeMultipartETagFromPartETags(in.MultipartUpload.Parts)
	if err != nil {
		return v, err
	}
	v.ETag = trimQuotes(eTag)
	if v.Sum, err = combine(u.Sum, parts); err != nil {
		return v, err
	}
	if sum := given(in); sum.Algorithm == v.Sum.Algorithm && sum.Value != v.Sum.Value &&
		sum.Value+"-"+strconv.Itoa(len(parts)) != v.Sum.Value {
		return v, s3err.GetChecksumBadDigestErr(sum.Algorithm)
	}
	v.Body, err = s.bodies.join(parts)
	return v, err
}
