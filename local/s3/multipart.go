package s3

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// upload is a multipart upload under way. Its id is one that newID made.
type upload struct {
	Initiated time.Time
	Sum       checksum // algorithm and type that the parts must have, if any
	Tags      map[string]string
	headers
	lock
}

// part is one part of it.
type part struct {
	Body     string
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	Sum      checksum // of the upload's algorithm, or else CRC64NVME
}

// place addresses a part.
type place struct {
	bucket, key, id string
	number          int32
}

func numbered(n int32) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// uploadOf finds an upload by all that addresses it.
func uploadOf(tx *bbolt.Tx, bucket, key, id string) (u upload, err error) {
	b := tx.Bucket(uploadsBucket).Bucket([]byte(bucket))
	if b == nil {
		return u, s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
	}
	there, err := store.GetJSON(b, row(key, []byte(id)), &u)
	if err == nil && !there {
		err = s3err.GetNoSuchUploadErr(id)
	}
	return u, err
}

// CreateMultipartUpload serves the API.
func (s *buckets) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (out s3response.InitiateMultipartUploadResult, err error) {
	key := reveal(*in.Key)
	if err := checkKey(key); err != nil {
		return out, err
	}
	u := upload{
		Initiated: time.Now().UTC(),
		Sum:       checksum{Algorithm: in.ChecksumAlgorithm, Type: in.ChecksumType},
		headers: headersOf(in.ContentType, in.ContentEncoding, in.ContentDisposition, in.ContentLanguage, in.CacheControl,
			in.Expires, in.WebsiteRedirectLocation, in.Metadata),
		lock: lockOf(in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus),
	}
	if u.Tags, err = parseTags(aws.ToString(in.Tagging)); err != nil {
		return out, err
	}
	return out, s.update(ctx, func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, *in.Bucket)
		if err != nil {
			return err
		}
		if held := u.lock; held.lockBy(c) != nil {
			return held.lockBy(c)
		}
		sequence, err := tx.Bucket(uploadsBucket).NextSequence()
		if err != nil {
			return err
		}
		id := newID(sequence)
		out = s3response.InitiateMultipartUploadResult{Bucket: *in.Bucket, Key: key, UploadId: id}
		if _, err := tx.Bucket(partsBucket).CreateBucket([]byte(id)); err != nil {
			return err
		}
		return store.PutJSON(tx.Bucket(uploadsBucket).Bucket([]byte(*in.Bucket)), row(key, []byte(id)), u)
	})
}

// UploadPart serves the API.
func (s *buckets) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	sum := announced(in, in.Body, in.ChecksumAlgorithm)
	p, told, err := s.storePart(ctx, place{*in.Bucket, reveal(*in.Key), *in.UploadId, *in.PartNumber}, in.Body, aws.ToInt64(in.ContentLength), sum)
	if err != nil {
		return nil, err
	}
	out := &s3.UploadPartOutput{ETag: aws.String(quoted(p.ETag))}
	told.put(out)
	return out, nil
}

// storePart stores a part in place of one with its number. It returns the checksum
// to answer with.
func (s *buckets) storePart(ctx context.Context, at place, r io.Reader, size int64, sum checksum) (p part, told checksum, err error) {
	var u upload
	if err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		u, err = uploadOf(tx, at.bucket, at.key, at.id)
		return err
	}); err != nil {
		return p, told, err
	}
	_, copied := r.(*io.SectionReader)
	kept := u.Sum.Algorithm
	switch {
	case kept == "":
		kept = types.ChecksumAlgorithmCrc64nvme // S3's default for the whole
	case sum.Algorithm == "" && u.Sum.Type == types.ChecksumTypeComposite && !copied:
		return p, told, s3err.GetChecksumTypeMismatchErr(kept, "null")
	case sum.Algorithm != "" && sum.Algorithm != kept:
		return p, told, s3err.GetChecksumTypeMismatchErr(kept, sum.Algorithm)
	}
	body, err := s.bodies.write(r, size, sums{}.ask(sum, checksum{Algorithm: kept}))
	if err != nil {
		return p, told, failure(err)
	}
	p = part{Body: body.name, Size: body.size, ETag: body.eTag, Modified: time.Now().UTC().Truncate(time.Second), Sum: body.sums.of(kept)}
	if told = body.sums.of(sum.Algorithm); sum.Algorithm == "" && u.Sum.Algorithm != "" {
		told = p.Sum
	}
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		if _, err := uploadOf(tx, at.bucket, at.key, at.id); err != nil {
			return err
		}
		var old part
		parts := tx.Bucket(partsBucket).Bucket([]byte(at.id))
		if _, err := store.GetJSON(parts, numbered(at.number), &old); err != nil {
			return err
		}
		s.bodies.drop(tx, old.Body)
		return store.PutJSON(parts, numbered(at.number), p)
	})
	if err != nil {
		s.bodies.remove(body.name)
	}
	return p, told, err
}

// AbortMultipartUpload serves the API.
func (s *buckets) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		if _, err := uploadOf(tx, *in.Bucket, reveal(*in.Key), *in.UploadId); err != nil {
			return err
		}
		return s.dropUpload(tx, *in.Bucket, reveal(*in.Key), *in.UploadId)
	})
}

func (s *buckets) dropUpload(tx *bbolt.Tx, bucket, key, id string) error {
	if err := tx.Bucket(uploadsBucket).Bucket([]byte(bucket)).Delete(row(key, []byte(id))); err != nil {
		return err
	}
	return s.dropParts(tx, id)
}

func (s *buckets) dropParts(tx *bbolt.Tx, id string) error {
	parts := tx.Bucket(partsBucket)
	if err := parts.Bucket([]byte(id)).ForEach(func(number, value []byte) error {
		var p part
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("read part %x: %w", number, err)
		}
		s.bodies.drop(tx, p.Body)
		return nil
	}); err != nil {
		return err
	}
	return parts.DeleteBucket([]byte(id))
}

// ListParts serves the API.
func (s *buckets) ListParts(ctx context.Context, in *s3.ListPartsInput) (out s3response.ListPartsResult, err error) {
	after, _ := strconv.Atoi(aws.ToString(in.PartNumberMarker)) // the gateway has parsed it
	return out, s.view(ctx, func(tx *bbolt.Tx) error {
		u, err := uploadOf(tx, *in.Bucket, reveal(*in.Key), *in.UploadId)
		if err != nil {
			return err
		}
		all := s3response.Owner{ID: template.Account}
		out = s3response.ListPartsResult{
			Bucket: *in.Bucket, Key: reveal(*in.Key), UploadID: *in.UploadId, PartNumberMarker: after, MaxParts: int(*in.MaxParts),
			ChecksumAlgorithm: u.Sum.Algorithm, ChecksumType: u.Sum.Type, StorageClass: types.StorageClassStandard,
			Initiator: s3response.Initiator(all), Owner: all,
		}
		cursor := tx.Bucket(partsBucket).Bucket([]byte(*in.UploadId)).Cursor()
		for k, value := cursor.Seek(numbered(int32(min(after, 1<<16-2)) + 1)); k != nil; k, value = cursor.Next() {
			if len(out.Parts) == out.MaxParts {
				out.IsTruncated = out.MaxParts > 0
				break
			}
			var p part
			if err := json.Unmarshal(value, &p); err != nil {
				return fmt.Errorf("read part %x: %w", k, err)
			}
			shown := s3response.Part{PartNumber: int(binary.BigEndian.Uint16(k)), LastModified: p.Modified, ETag: quoted(p.ETag), Size: p.Size}
			if u.Sum.Algorithm != "" {
				p.Sum.put(&shown)
			}
			out.Parts = append(out.Parts, shown)
			out.NextPartNumberMarker = shown.PartNumber
		}
		return nil
	})
}

// ListMultipartUploads serves the API.
func (s *buckets) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (out s3response.ListMultipartUploadsResult, err error) {
	write, kind := encoding(ctx)
	var l *listing
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		l = &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.KeyMarker), most: int(*in.MaxUploads)}
		out = s3response.ListMultipartUploadsResult{}
		if id := aws.ToString(in.UploadIdMarker); id != "" && l.after != "" {
			l.behind = []byte(id)
		}
		all := s3response.Owner{ID: template.Account}
		l.found = func(key string, _ bool, row, value []byte) (bool, error) {
			var u upload
			if err := json.Unmarshal(value, &u); err != nil {
				return false, fmt.Errorf("read upload %q: %w", row, err)
			}
			_, id := unrow(row)
			out.Uploads = append(out.Uploads, s3response.Upload{
				Key: *write(key), UploadID: string(id), Initiated: u.Initiated, StorageClass: types.StorageClassStandard,
				ChecksumAlgorithm: u.Sum.Algorithm, ChecksumType: u.Sum.Type, Initiator: s3response.Initiator(all), Owner: all,
			})
			return true, nil
		}
		b := tx.Bucket(uploadsBucket).Bucket([]byte(*in.Bucket))
		if b == nil {
			return s3err.GetBucketErr(s3err.ErrNoSuchBucket, *in.Bucket)
		}
		return l.run(b)
	})
	if err != nil {
		return out, err
	}
	for _, p := range l.prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, s3response.CommonPrefix{Prefix: *write(*p.Prefix)})
	}
	out.Bucket, out.MaxUploads, out.IsTruncated, out.EncodingType = *in.Bucket, l.most, l.truncated, string(kind)
	out.Prefix, out.Delimiter, out.KeyMarker, out.UploadIDMarker = *write(l.prefix), *write(l.delimiter), *write(l.after), aws.ToString(in.UploadIdMarker)
	if l.truncated {
		out.NextKeyMarker = *write(l.lastKey)
		if l.lastRow != nil {
			_, id := unrow(l.lastRow)
			out.NextUploadIDMarker = string(id)
		}
	}
	return out, nil
}

// CompleteMultipartUpload makes an object of parts. Completing once more what the
// current version came from succeeds, as on S3.
func (s *buckets) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (out s3response.CompleteMultipartUploadResult, id string, err error) {
	w := writing{createdMultipart, *in.Bucket, reveal(*in.Key), in.IfMatch, in.IfNoneMatch}
	out = s3response.CompleteMultipartUploadResult{Bucket: in.Bucket, Key: &w.key}
	for range attempts {
		var u upload
		var chosen []part
		var done *version
		if err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
			u, err = uploadOf(tx, w.bucket, w.key, *in.UploadId)
			if _, gone := errors.AsType[s3err.NoSuchUploadError](err); gone {
				if now, there, findErr := current(tx, w.bucket, w.key); findErr == nil && there && now.Upload == *in.UploadId {
					c, err := settingsOf(tx, w.bucket)
					done, id = &now, answeredID(c, now)
					return err
				}
			}
			if err == nil {
				chosen, err = choose(tx, u, in)
			}
			return err
		}); err != nil {
			return out, "", err
		}
		if done != nil {
			out.ETag = aws.String(quoted(done.ETag))
			done.Sum.put(&out)
			return out, id, nil
		}
		v, err := s.join(u, chosen, in)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a part was replaced meanwhile
		}
		if err != nil {
			return out, "", failure(err)
		}
		err = s.update(ctx, func(tx *bbolt.Tx) error {
			u, err := uploadOf(tx, w.bucket, w.key, *in.UploadId)
			if err != nil {
				return err
			}
			again, err := choose(tx, u, in)
			if err != nil {
				return err
			}
			for i := range again {
				if again[i].Body != chosen[i].Body {
					return errChanged
				}
			}
			if id, err = s.publish(ctx, tx, w, &v); err != nil {
				return err
			}
			return s.dropUpload(tx, w.bucket, w.key, *in.UploadId)
		})
		if err == nil {
			out.ETag = aws.String(quoted(v.ETag))
			v.Sum.put(&out)
			return out, id, nil
		}
		s.bodies.remove(v.Body)
		if !changed(err) {
			return out, "", err
		}
	}
	return out, "", s3err.GetAPIError(s3err.ErrSlowDown)
}

// choose finds the parts that a completion lists, and holds them to S3's rules.
func choose(tx *bbolt.Tx, u upload, in *s3.CompleteMultipartUploadInput) ([]part, error) {
	stored := tx.Bucket(partsBucket).Bucket([]byte(*in.UploadId))
	listed := in.MultipartUpload.Parts
	var parts []part
	var before int32
	for i, l := range listed {
		if l.PartNumber == nil || l.ETag == nil {
			return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		n := *l.PartNumber
		if n < 1 || n > 10_000 {
			return nil, s3err.GetInvalidArgumentErr(s3err.InvalidArgCompleteMpPartNumber, strconv.Itoa(int(n)))
		}
		if n <= before {
			return nil, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
		before = n
		var p part
		there, err := store.GetJSON(stored, numbered(n), &p)
		if err != nil {
			return nil, err
		}
		// S3 knows no sums of a part but those that the start of the upload announced:
		// https://github.com/aws/aws-sdk-go-v2/issues/3005
		told := given(&l)
		wrong := told.Algorithm != "" && (told.Algorithm != u.Sum.Algorithm || told.Value != p.Sum.Value)
		if !there || p.ETag != trimQuotes(*l.ETag) || wrong {
			return nil, s3err.GetInvalidPartErr(*in.UploadId, n, *l.ETag)
		}
		if u.Sum.Type == types.ChecksumTypeComposite && told.Algorithm == "" {
			return nil, s3err.APIError{
				Code: "InvalidRequest", HTTPStatusCode: 400,
				Description: fmt.Sprintf("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
					strings.ToLower(string(u.Sum.Algorithm)), n),
			}
		}
		if i < len(listed)-1 && p.Size < backend.MinPartSize {
			return nil, s3err.GetEntityTooSmallErr(p.Size, backend.MinPartSize)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// join puts the bodies one behind the other. ETag and checksum follow from the
// parts', so that a large body is not read for them.
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
	if told := given(in); told.Algorithm == v.Sum.Algorithm && told.Value != v.Sum.Value &&
		told.Value+"-"+strconv.Itoa(len(parts)) != v.Sum.Value {
		return v, s3err.GetChecksumBadDigestErr(told.Algorithm)
	}
	v.Body, err = s.bodies.join(parts)
	return v, err
}
