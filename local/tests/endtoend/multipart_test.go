package endtoend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestMultipart checks an upload in parts: EICAR across the border of two parts is found, the object is moved with
// one copy, and its ETag is not taken for a checksum.
func TestMultipart(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, layout string) {
		const part = 8 << 20
		text := sample.Filler(20 << 20)
		virus := eicar.Bytes()
		across := slices.Concat(text[:part-len(virus)/2], virus, text[part+len(virus)/2:])
		for name, test := range map[string]struct {
			content []byte
			want    job.Verdict
			bucket  string
		}{
			"clean in parts":      {text, job.Clean, map[string]string{"three-bucket": harness.Clean}[layout]},
			"virus across border": {across, job.Infected, harness.Quarantine},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				o := m.putParts(t, name, test.content, part)
				r := m.Await(t, o)
				hash := sha256.Sum256(test.content)
				want := hex.EncodeToString(hash[:])
				if got := outcome(r).Verdict; got != test.want || r.Job.Scan.SHA256 != want ||
					r.Job.Scan.Size != int64(len(test.content)) {
					t.Fatalf("got verdict %q of %+v, %+v, want %s of %s", got, r.Job.Scan, r.Failure, test.want, want)
				}
				if test.bucket == "" {
					if got, err := m.Read(t.Context(), o); err != nil || !bytes.Equal(got, test.content) {
						t.Errorf("read it: got %v, want what was uploaded", err)
					}
				} else if c := r.Job.Copy; c == nil || c.Bucket != test.bucket || c.SHA256 != want {
					t.Errorf("got copy %+v, want one of %s in %s", c, want, test.bucket)
				}
			})
		}
	})
}

// putParts uploads in parts of this size.
func (m *machine) putParts(t *testing.T, key string, content []byte, part int) job.Object {
	t.Helper()
	in := &s3.CreateMultipartUploadInput{Bucket: aws.String(harness.Uploads), Key: &key}
	upload, err := m.S3.CreateMultipartUpload(t.Context(), in)
	if err != nil {
		t.Fatalf("begin the upload of %s: %v", key, err)
	}
	var parts []types.CompletedPart
	for chunk := range slices.Chunk(content, part) {
		number := aws.Int32(int32(len(parts) + 1))
		out, err := m.S3.UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket: in.Bucket, Key: in.Key, UploadId: upload.UploadId, PartNumber: number, Body: bytes.NewReader(chunk),
		})
		if err != nil {
			t.Fatalf("upload part %d of %s: %v", *number, key, err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	}
	out, err := m.S3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket:          in.Bucket,
		Key:             in.Key,
		UploadId:        upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		t.Fatalf("complete the upload of %s: %v", key, err)
	}
	return job.Object{
		Bucket:    harness.Uploads,
		Key:       key,
		VersionID: aws.ToString(out.VersionId),
		ETag:      strings.Trim(aws.ToString(out.ETag), `"`),
		Size:      int64(len(content)),
	}
}
