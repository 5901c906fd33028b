package main

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// checksum is one that S3 keeps with the object, of all of its bytes.
type checksum struct {
	name string
	want string // as S3 writes it
	hash hash.Hash
	text func([]byte) string
}

// nvme is the polynomial of CRC64NVME in the reversed form that hash/crc64
// takes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// expected lists the checksums that S3 has for the whole object. A composite
// one is of its parts' checksums and can't be compared with the bytes'. The
// ETag is their MD5 only without "-" and where SSE-S3 or nothing encrypts:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
func expected(out *s3.HeadObjectOutput) []checksum {
	var sums []checksum
	add := func(name string, want *string, h hash.Hash) {
		// Older uploads carry no type; their composites end in "-<parts>".
		if w := aws.ToString(want); w != "" && out.ChecksumType != types.ChecksumTypeComposite && !strings.Contains(w, "-") {
			sums = append(sums, checksum{name, w, h, base64.StdEncoding.EncodeToString})
		}
	}
	add("CRC32", out.ChecksumCRC32, crc32.NewIEEE())
	add("CRC32C", out.ChecksumCRC32C, crc32.New(crc32.MakeTable(crc32.Castagnoli)))
	add("CRC64NVME", out.ChecksumCRC64NVME, crc64.New(nvme))
	add("SHA1", out.ChecksumSHA1, sha1.New())
	add("SHA256", out.ChecksumSHA256, sha256.New())
	eTag := strings.Trim(aws.ToString(out.ETag), `"`)
	plain := out.ServerSideEncryption == "" || out.ServerSideEncryption == types.ServerSideEncryptionAes256
	if len(sums) == 0 && plain && out.SSECustomerAlgorithm == nil && len(eTag) == 2*md5.Size && !strings.Contains(eTag, "-") {
		sums = append(sums, checksum{"ETag", strings.ToLower(eTag), md5.New(), hex.EncodeToString})
	}
	return sums
}

// check compares what was read with what S3 keeps. A difference is transient:
// the bytes were damaged on their way, and are asked for again.
func (c checksum) check() error {
	if got := c.text(c.hash.Sum(nil)); got != c.want {
		return fmt.Errorf("%w: %s of the bytes is %s, S3 keeps %s", job.ErrTransient, c.name, got, c.want)
	}
	return nil
}
