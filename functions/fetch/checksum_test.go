package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/job"
)

// TestFetchChecksums checks that damaged bytes are noticed with each checksum of S3.
func TestFetchChecksums(t *testing.T) {
	t.Parallel()
	const content = "123456789" // check values: https://reveng.sourceforge.io/crc-catalogue/
	kept := map[string]func(*s3.HeadObjectOutput){
		"CRC32":     func(o *s3.HeadObjectOutput) { o.ChecksumCRC32 = aws.String("y/Q5Jg==") },
		"CRC32C":    func(o *s3.HeadObjectOutput) { o.ChecksumCRC32C = aws.String("4waSgw==") },
		"CRC64NVME": func(o *s3.HeadObjectOutput) { o.ChecksumCRC64NVME = aws.String("rosUhgp5mIg=") },
		"SHA1":      func(o *s3.HeadObjectOutput) { o.ChecksumSHA1 = aws.String("98O8HYCOBHMq32eZZczDTKeuNEE=") },
		"SHA256": func(o *s3.HeadObjectOutput) {
			o.ChecksumSHA256 = aws.String("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")
		},
		"ETag": func(o *s3.HeadObjectOutput) { o.ETag = aws.String(`"25f9e794323b453885f5181f1b624d0b"`) },
	}
	for name, keep := range kept {
		for _, damaged := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s damaged %v", name, damaged), func(t *testing.T) {
				t.Parallel()
				f := serve([]byte(content))
				if damaged {
					f = serve([]byte("123456780"))
				}
				head := f.head
				f.head = func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
					out, err := head(in)
					keep(out)
					return out, err
				}
				h, path := newHandler(t, f)
				_, err := h.handle(t.Context(), upload())
				if damaged != errors.Is(err, job.ErrTransient) || !damaged && err != nil {
					t.Errorf("error %v for damaged = %v, want ErrTransient if damaged", err, damaged)
				}
				if left, _ := os.ReadDir(path); damaged && len(left) != 0 {
					t.Errorf("files left: %v, want none", left)
				}
			})
		}
	}
	notComparable := map[string]func(*s3.HeadObjectOutput){
		"composite by type": func(o *s3.HeadObjectOutput) {
			o.ChecksumCRC32, o.ChecksumType = aws.String("AAAAAA=="), types.ChecksumTypeComposite
		},
		"composite by form": func(o *s3.HeadObjectOutput) { o.ChecksumSHA256 = aws.String("AAAA-3") },
		"ETag under KMS": func(o *s3.HeadObjectOutput) {
			o.ETag, o.ServerSideEncryption = aws.String(`"00000000000000000000000000000000"`), types.ServerSideEncryptionAwsKms
		},
		"ETag of a multipart upload": func(o *s3.HeadObjectOutput) {
			o.ETag = aws.String(`"00000000000000000000000000000000-2"`)
		},
	}
	for name, keep := range notComparable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := serve([]byte(content))
			head := f.head
			f.head = func(in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
				out, err := head(in)
				keep(out)
				return out, err
			}
			h, _ := newHandler(t, f)
			if _, err := h.handle(t.Context(), upload()); err != nil {
				t.Errorf("error = %v, want none", err)
			}
		})
	}
}
