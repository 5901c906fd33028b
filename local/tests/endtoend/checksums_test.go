package endtoend

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
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

// testChecksums changes one byte in the answer to Fetch, for each checksum that S3 keeps. Fetch notices and reads
// again. A composite checksum, of the parts' checksums, cannot be compared with the bytes and delays no verdict.
func (p *proxy) testChecksums(t *testing.T) {
	t.Parallel()
	infected := append(sample.Filler(6<<20), eicar.Bytes()...)
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		if !slices.Contains([]types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}, algorithm) {
			continue // the gateway's and Go's own libraries have no others
		}
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			for name, content := range map[string][]byte{"infected": eicar.Bytes(), "clean": sample.Text("sum")} {
				key := fmt.Sprintf("sums/%s %s.", algorithm, name)
				f := p.addFault("fetch GetObject", key, firstCalls(1, changeOneByte))
				o := p.Put(t, key, content, func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = algorithm })
				p.Await(t, o)
				if len(f.seen()) != 2 {
					t.Errorf("%s: got %d requests, want 2: the bytes of the first were changed", name, len(f.seen()))
				}
				want := map[string]end{"infected": endQuarantined, "clean": endClean}[name]
				p.checkEnds(t, map[job.Object]end{o: want})
				p.checkBytes(t, o, want, content)
			}
		})
		kinds := map[types.ChecksumType]bool{
			types.ChecksumTypeComposite:  algorithm != "CRC64NVME",
			types.ChecksumTypeFullObject: !strings.HasPrefix(string(algorithm), "SHA"),
		}
		for kind, exists := range kinds {
			if !exists {
				continue
			}
			t.Run(fmt.Sprintf("%s of parts, %s", algorithm, kind), func(t *testing.T) {
				t.Parallel()
				key := fmt.Sprintf("sums/%s %s.", algorithm, kind)
				act := forwardUnchanged // bytes that are spoilt could not be noticed
				if kind == types.ChecksumTypeFullObject {
					act = firstCalls(1, changeOneByte)
				}
				f := p.addFault("fetch GetObject", key, act)
				o := p.putSummed(t, key, infected, algorithm, kind)
				r := p.Await(t, o)
				if outcome(r).Verdict != job.Infected {
					t.Fatalf("got %s, %+v, %+v, want INFECTED", r.Status, r.Job.Scan, r.Failure)
				}
				if n := len(f.seen()); kind == types.ChecksumTypeFullObject && n != 2 {
					t.Errorf("got %d requests, want 2: the bytes of the first were changed", n)
				}
				p.checkEnds(t, map[job.Object]end{o: endQuarantined})
				p.checkBytes(t, o, endQuarantined, infected)
			})
		}
	}
}

// putSummed uploads in parts with this checksum.
func (p *proxy) putSummed(
	t *testing.T,
	key string,
	content []byte,
	algorithm types.ChecksumAlgorithm,
	kind types.ChecksumType,
) job.Object {
	t.Helper()
	bucket := aws.String(harness.Uploads)
	upload, err := p.S3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
		Bucket: bucket, Key: &key, ChecksumAlgorithm: algorithm, ChecksumType: kind,
	})
	if err != nil {
		t.Fatalf("begin the upload of %s: %v", key, err)
	}
	var parts []types.CompletedPart
	for chunk := range slices.Chunk(content, 5<<20) {
		number := aws.Int32(int32(len(parts) + 1))
		out, err := p.S3.UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket:            bucket,
			Key:               &key,
			UploadId:          upload.UploadId,
			PartNumber:        number,
			Body:              bytes.NewReader(chunk),
			ChecksumAlgorithm: algorithm,
		})
		if err != nil {
			t.Fatalf("upload part %d of %s: %v", *number, key, err)
		}
		parts = append(parts, types.CompletedPart{
			PartNumber:        number,
			ETag:              out.ETag,
			ChecksumCRC32:     out.ChecksumCRC32,
			ChecksumCRC32C:    out.ChecksumCRC32C,
			ChecksumCRC64NVME: out.ChecksumCRC64NVME,
			ChecksumSHA1:      out.ChecksumSHA1,
			ChecksumSHA256:    out.ChecksumSHA256,
		})
	}
	out, err := p.S3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket:          bucket,
		Key:             &key,
		UploadId:        upload.UploadId,
		ChecksumType:    kind,
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

// testUnreadable has S3 answer as for objects whose bytes it cannot return. Fetch tells them from objects that can be
// read later, or by others.
func (p *proxy) testUnreadable(t *testing.T) {
	t.Parallel()
	// with adds headers to the answer.
	with := func(headers map[string]string) action {
		return func(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
			answer := httptest.NewRecorder()
			forward.ServeHTTP(answer, r)
			maps.Copy(w.Header(), answer.Header())
			for k, v := range headers {
				w.Header().Set(k, v)
			}
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		}
	}
	badRequest := func(code, message string) action {
		return func(_ int, _ proxiedCall, w http.ResponseWriter, _ http.Handler, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusBadRequest)
			if r.Method != http.MethodHead {
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
			}
		}
	}
	const customerKey = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
	archived := answerError(http.StatusForbidden, "InvalidObjectState")
	for name, test := range map[string]struct {
		head, get action // how both are answered; without get, GET is answered as HEAD is
		want      end
	}{
		"SSE-C": {
			badRequest("", ""), badRequest("InvalidRequest", customerKey), endUnscannable,
		},
		"a bad request that is not SSE-C": {
			badRequest("", ""), badRequest("InvalidArgument", "by the test"), endDeadLetter,
		},
		"Glacier": {
			with(map[string]string{"X-Amz-Storage-Class": "GLACIER"}), archived, endUnscannable,
		},
		"Deep Archive, being restored": {
			with(map[string]string{"X-Amz-Storage-Class": "DEEP_ARCHIVE", "X-Amz-Restore": `ongoing-request="true"`}),
			archived, endUnscannable,
		},
		"an archive tier": {
			with(map[string]string{"X-Amz-Storage-Class": "INTELLIGENT_TIERING", "X-Amz-Archive-Status": "ARCHIVE_ACCESS"}),
			archived, endUnscannable,
		},
		"Glacier, restored": {
			with(map[string]string{"X-Amz-Storage-Class": "GLACIER", "X-Amz-Restore": `ongoing-request="false", expiry-date="Fri, 21 Dec 2035 00:00:00 GMT"`}),
			nil, endClean,
		},
		"Glacier Instant Retrieval": {
			with(map[string]string{"X-Amz-Storage-Class": "GLACIER_IR"}), nil, endClean,
		},
		"a key that Lazaret may not use": {answerError(http.StatusForbidden, "AccessDenied"), nil, endDeadLetter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := "unreadable/" + name + "." // no key is a part of another, or its fault would meet both
			p.addFault("fetch HeadObject", key, test.head)
			if test.get == nil {
				test.get = test.head
			}
			p.addFault("fetch GetObject", key, test.get)
			o := p.Put(t, key, sample.Text(name))
			r := p.Await(t, o)
			p.checkEnds(t, map[job.Object]end{o: test.want})
			if s := r.Job.Scan; test.want == endUnscannable &&
				(s == nil || s.Reason != job.Unreadable || s.Detail == "") {
				t.Errorf("got scan %+v, want the reason %s with a detail", s, job.Unreadable)
			}
			if test.want == endDeadLetter && r.Job.Scan != nil {
				t.Errorf("got a dead letter with the scan %+v, want none", r.Job.Scan)
			}
		})
	}
}
