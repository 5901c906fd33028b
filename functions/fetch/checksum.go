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
	"github.com/lazaret/lazaret/internal/original"
)

// checksum is a checksum of the whole object that S3 stores.
type checksum struct {
	name string
	want string // in S3's encoding
	hash hash.Hash
	text func([]byte) string // encodes the sum as S3 does
}

// crc64NVME is the table of CRC64NVME, for which hash/crc64 takes the reversed polynomial:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
var crc64NVME = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// wholeObjectChecksums returns the checksums that S3 has of the whole object. A composite checksum is
// computed from the checksums of the parts and cannot be compared with the bytes. If there is no other
// checksum, the ETag is used where it is an MD5.
func wholeObjectChecksums(out *s3.HeadObjectOutput) []checksum {
	var sums []checksum
	add := func(name string, want *string, h hash.Hash) {
		w := aws.ToString(want)
		// Older uploads have no ChecksumType; their composite checksums end in "-<parts>".
		composite := out.ChecksumType == types.ChecksumTypeComposite || strings.Contains(w, "-")
		if w != "" && !composite {
			sums = append(sums, checksum{name: name, want: w, hash: h, text: base64.StdEncoding.EncodeToString})
		}
	}
	add("CRC32", out.ChecksumCRC32, crc32.NewIEEE())
	add("CRC32C", out.ChecksumCRC32C, crc32.New(crc32.MakeTable(crc32.Castagnoli)))
	add("CRC64NVME", out.ChecksumCRC64NVME, crc64.New(crc64NVME))
	add("SHA1", out.ChecksumSHA1, sha1.New())
	add("SHA256", out.ChecksumSHA256, sha256.New())
	if sum := original.MD5(out); sum != "" && len(sums) == 0 {
		sums = append(sums, checksum{name: "ETag", want: sum, hash: md5.New(), text: hex.EncodeToString})
	}
	return sums
}

// check compares the checksum of the downloaded bytes with S3's. A difference is an ErrTransient: the
// bytes were damaged during the download, and are fetched again.
func (c checksum) check() error {
	if got := c.text(c.hash.Sum(nil)); got != c.want {
		return fmt.Errorf("%w: the %s of the downloaded bytes is %s, S3 has %s", job.ErrTransient, c.name, got, c.want)
	}
	return nil
}
