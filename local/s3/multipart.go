package s3

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
)

// upload is a multipart upload that is not completed. Its id is made by newID.
type upload struct {
	Initiated time.Time
	Sum       checksum // algorithm and type of the parts' checksums, if the upload announced any
	Tags      map[string]string
	headers
	lock
}

// part is one part of an upload.
type part struct {
	Body     string
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	Sum      checksum // of the upload's algorithm, or else CRC64NVME
}

// place addresses an upload and, with a number, a part of it.
type place struct {
	bucket, key, id string
	number          int32
}

func (at place) row() []byte { return row(at.key, []byte(at.id)) }

// partKey returns the key of the store for a part.
func partKey(number int32) []byte { return binary.BigEndian.AppendUint16(nil, uint16(number)) }

// uploadOf returns the upload at a place, or the error of S3 when there is none.
func uploadOf(tx *bbolt.Tx, at place) (u upload, err error) {
	b, err := insideOf(tx, uploadsBucket, at.bucket)
	if err != nil {
		return u, err
	}
	exists, err := store.GetJSON(b, at.row(), &u)
	if err == nil && !exists {
		err = s3err.GetNoSuchUploadErr(at.id)
	}
	return u, err
}

// CreateMultipartUpload serves the operation of that name.
func (s *buckets) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (
	out s3response.InitiateMultipartUploadResult, err error,
) {
	at := place{bucket: *in.Bucket, key: reveal(*in.Key)}
	if err := checkKey(at.key); err != nil {
		return out, err
	}
	u := upload{
		Initiated: time.Now().UTC(),
		Sum:       checksum{Algorithm: in.ChecksumAlgorithm, Type: in.ChecksumType},
		headers:   headersOf(&in),
		lock:      lockOf(in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus),
	}
	if u.Tags, err = parseTags(aws.ToString(in.Tagging)); err != nil {
		return out, err
	}
	return out, s.update(ctx, func(tx *bbolt.Tx) error {
		c, err := settingsOf(tx, at.bucket)
		if err != nil {
			return err
		}
		lock := u.lock // the bucket's default is applied at the completion
		if err := lock.applyDefault(c); err != nil {
			return err
		}
		sequence, err := tx.Bucket(uploadsBucket).NextSequence()
		if err != nil {
			return err
		}
		at.id = newID(sequence)
		out = s3response.InitiateMultipartUploadResult{Bucket: at.bucket, Key: at.key, UploadId: at.id}
		if _, err := tx.Bucket(partsBucket).CreateBucket([]byte(at.id)); err != nil {
			return err
		}
		return store.PutJSON(tx.Bucket(uploadsBucket).Bucket([]byte(at.bucket)), at.row(), u)
	})
}

// content is what a part is made of.
type content struct {
	body   io.Reader
	size   int64
	sum    checksum // announced with it, if any
	copied bool     // by UploadPartCopy
}

// UploadPart serves the operation of that name.
func (s *buckets) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	p, sum, err := s.storePart(ctx, place{*in.Bucket, reveal(*in.Key), *in.UploadId, *in.PartNumber}, content{
		body: in.Body, size: aws.ToInt64(in.ContentLength), sum: announced(in, in.Body, in.ChecksumAlgorithm),
	})
	if err != nil {
		return nil, err
	}
	out := &s3.UploadPartOutput{ETag: aws.String(quoted(p.ETag))}
	sum.put(out)
	return out, nil
}

// storePart stores a part, in place of an earlier one with its number. It also returns the checksum to answer with.
func (s *buckets) storePart(ctx context.Context, at place, from content) (p part, answered checksum, err error) {
	var u upload
	if err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		u, err = uploadOf(tx, at)
		return err
	}); err != nil {
		return p, answered, err
	}
	kept := u.Sum.Algorithm
	switch {
	case kept == "":
		kept = types.ChecksumAlgorithmCrc64nvme // S3's default for the whole object
	case from.sum.Algorithm == "" && u.Sum.Type == types.ChecksumTypeComposite && !from.copied:
		return p, answered, s3err.GetChecksumTypeMismatchErr(kept, "null")
	case from.sum.Algorithm != "" && from.sum.Algorithm != kept:
		return p, answered, s3err.GetChecksumTypeMismatchErr(kept, from.sum.Algorithm)
	}
	body, err := s.bodies.write(from.body, from.size, sums{}.ask(from.sum, checksum{Algorithm: kept}))
	if err != nil {
		return p, answered, failure(err)
	}
	p = part{
		Body: body.name, Size: body.size, ETag: body.eTag, Modified: time.Now().UTC().Truncate(time.Second),
		Sum: body.sums.of(kept),
	}
	answered = body.sums.of(from.sum.Algorithm)
	if from.sum.Algorithm == "" && u.Sum.Algorithm != "" {
		answered = p.Sum
	}
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		if _, err := uploadOf(tx, at); err != nil {
			return err
		}
		var old part
		parts := tx.Bucket(partsBucket).Bucket([]byte(at.id))
		if _, err := store.GetJSON(parts, partKey(at.number), &old); err != nil {
			return err
		}
		s.bodies.drop(tx, old.Body)
		return store.PutJSON(parts, partKey(at.number), p)
	})
	if err != nil {
		s.bodies.remove(body.name)
	}
	return p, answered, err
}

// AbortMultipartUpload serves the operation of that name.
func (s *buckets) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	at := place{bucket: *in.Bucket, key: reveal(*in.Key), id: *in.UploadId}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		if _, err := uploadOf(tx, at); err != nil {
			return err
		}
		return s.dropUpload(tx, at)
	})
}

// dropUpload removes an upload with its parts.
func (s *buckets) dropUpload(tx *bbolt.Tx, at place) error {
	if err := tx.Bucket(uploadsBucket).Bucket([]byte(at.bucket)).Delete(at.row()); err != nil {
		return err
	}
	return s.dropParts(tx, at.id)
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
