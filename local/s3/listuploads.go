package s3

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// ListParts serves the operation of that name.
func (s *buckets) ListParts(ctx context.Context, in *s3.ListPartsInput) (out s3response.ListPartsResult, err error) {
	at := place{bucket: *in.Bucket, key: reveal(*in.Key), id: *in.UploadId}
	after, _ := strconv.Atoi(aws.ToString(in.PartNumberMarker)) // the gateway has checked it
	return out, s.view(ctx, func(tx *bbolt.Tx) error {
		u, err := uploadOf(tx, at)
		if err != nil {
			return err
		}
		account := s3response.Owner{ID: template.Account}
		out = s3response.ListPartsResult{
			Bucket: at.bucket, Key: at.key, UploadID: at.id, PartNumberMarker: after, MaxParts: int(*in.MaxParts),
			ChecksumAlgorithm: u.Sum.Algorithm, ChecksumType: u.Sum.Type, StorageClass: types.StorageClassStandard,
			Initiator: s3response.Initiator(account), Owner: account,
		}
		cursor := tx.Bucket(partsBucket).Bucket([]byte(at.id)).Cursor()
		for k, value := cursor.Seek(partKey(int32(min(after, maxParts)) + 1)); k != nil; k, value = cursor.Next() {
			if len(out.Parts) == out.MaxParts {
				out.IsTruncated = out.MaxParts > 0
				break
			}
			var p part
			if err := json.Unmarshal(value, &p); err != nil {
				return fmt.Errorf("read part %x: %w", k, err)
			}
			shown := s3response.Part{
				PartNumber: int(binary.BigEndian.Uint16(k)), LastModified: p.Modified,
				ETag: quoted(p.ETag), Size: p.Size,
			}
			if u.Sum.Algorithm != "" {
				p.Sum.put(&shown)
			}
			out.Parts = append(out.Parts, shown)
			out.NextPartNumberMarker = shown.PartNumber
		}
		return nil
	})
}

// ListMultipartUploads serves the operation of that name.
func (s *buckets) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (
	out s3response.ListMultipartUploadsResult, err error,
) {
	l, encode := newListing(in.Prefix, in.Delimiter, in.KeyMarker, in.MaxUploads), encoderOf(ctx)
	if id := aws.ToString(in.UploadIdMarker); id != "" && l.after != "" {
		l.afterRow = []byte(id)
	}
	account := s3response.Owner{ID: template.Account}
	l.add = func(key string, _ bool, row, value []byte) error {
		var u upload
		if err := json.Unmarshal(value, &u); err != nil {
			return fmt.Errorf("read upload %q: %w", row, err)
		}
		_, id := unrow(row)
		out.Uploads = append(out.Uploads, s3response.Upload{
			Key: *encode.key(key), UploadID: string(id), Initiated: u.Initiated,
			Initiator: s3response.Initiator(account), Owner: account, StorageClass: types.StorageClassStandard,
			ChecksumAlgorithm: u.Sum.Algorithm, ChecksumType: u.Sum.Type,
		})
		return nil
	}
	if err := s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := insideOf(tx, uploadsBucket, *in.Bucket)
		if err != nil {
			return err
		}
		return l.run(b)
	}); err != nil {
		return out, err
	}
	for _, p := range l.prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, s3response.CommonPrefix{Prefix: *encode.key(p)})
	}
	out.Bucket, out.MaxUploads, out.IsTruncated, out.EncodingType = *in.Bucket, l.max, l.truncated, string(encode)
	out.Prefix, out.Delimiter, out.KeyMarker = *encode.key(l.prefix), *encode.key(l.delimiter), *encode.key(l.after)
	out.UploadIDMarker = aws.ToString(in.UploadIdMarker)
	if l.truncated {
		out.NextKeyMarker = *encode.key(l.lastKey)
		if l.lastRow != nil {
			_, id := unrow(l.lastRow)
			out.NextUploadIDMarker = string(id)
		}
	}
	return out, nil
}
