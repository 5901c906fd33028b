package move

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

// wire returns a Mover with the SDK's client, for a server that answers HEAD with the headers of an
// object. The function returns the headers of the CopyObject request.
func wire(t *testing.T, object map[string]string, answer string) (*Mover, func() http.Header) {
	t.Helper()
	asked := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			for k, v := range object {
				w.Header().Set(k, v)
			}
			return
		}
		asked <- r.Header.Clone()
		w.Header().Set("X-Amz-Version-Id", "copy-1")
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", UsePathStyle: true, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	return New(client), func() http.Header { return <-asked }
}

// The SHA-256 of no bytes, as S3 and as a job write it.
const (
	emptyBase64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	emptyHex    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func result(sum string) string {
	return `<CopyObjectResult><ETag>"e"</ETag><ChecksumSHA256>` + sum + `</ChecksumSHA256></CopyObjectResult>`
}

func TestCopyRequest(t *testing.T) {
	t.Parallel()
	move, asked := wire(t, map[string]string{
		"Content-Length": "0", "ETag": `"e"`, "Content-Type": "text/x", "Content-Encoding": "gzip",
		"Content-Disposition": "inline",
		"Content-Language":    "de", "Cache-Control": "no-store", "Expires": "0", "X-Amz-Website-Redirect-Location": "/x",
		"X-Amz-Meta-Owner": "=?UTF-8?Q?a=C3=B1a?=", "X-Amz-Meta-Lazaret-Verdict": "CLEAN",
	}, result(emptyBase64))
	src, err := move.InspectOriginal(
		t.Context(),
		job.Object{Bucket: "b", Key: "a b/1+1=ñ?versionId=x%2F", VersionID: "v/1+"},
	)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := move.copyObject(t.Context(), "q", "k", src, nil, CopyPlan{
		SHA256: emptyHex,
		Origin: []Entry{{Key: Reserved + "sha256", Value: emptyHex}, {Key: Reserved + "source-version"}},
		Tags:   []types.Tag{{Key: aws.String("a b"), Value: aws.String("c+d&=ñ")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(job.Copy{Bucket: "q", Key: "k", VersionID: "copy-1", SHA256: emptyHex}, copied); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"X-Amz-Copy-Source":        "b/a%20b/1%2B1%3D%C3%B1%3FversionId%3Dx%252F?versionId=v%2F1%2B",
		"X-Amz-Checksum-Algorithm": "SHA256", "If-None-Match": "*", "If-Match": "", "X-Amz-Copy-Source-If-Match": "",
		"X-Amz-Metadata-Directive": "REPLACE", "X-Amz-Tagging-Directive": "REPLACE",
		"X-Amz-Tagging": "a%20b=c%2Bd%26%3D%C3%B1",
		"Content-Type":  "text/x", "Content-Encoding": "gzip", "Content-Disposition": "inline", "Content-Language": "de",
		"Cache-Control": "no-store", "Expires": "0", "X-Amz-Website-Redirect-Location": "/x",
		"X-Amz-Meta-Owner": "=?UTF-8?Q?a=C3=B1a?=", "X-Amz-Meta-Lazaret-Sha256": emptyHex,
		"X-Amz-Meta-Lazaret-Verdict": "", "X-Amz-Meta-Lazaret-Source-Version": "",
		"X-Amz-Storage-Class": "", "X-Amz-Server-Side-Encryption": "", "X-Amz-Acl": "",
	}
	header := asked()
	for name, value := range want {
		if got := header.Get(name); got != value {
			t.Errorf("header %s = %q, want %q", name, got, value)
		}
	}
	if signed := header.Get("Authorization"); !strings.Contains(signed, ";expires;") {
		t.Errorf("signed headers %s, want expires among them", signed)
	}
}

func TestCopyRequestWithoutVersions(t *testing.T) {
	t.Parallel()
	move, asked := wire(
		t,
		map[string]string{"Content-Length": "0", "ETag": `"e"`, "X-Amz-Missing-Meta": "1"},
		result(emptyBase64),
	)
	src, err := move.InspectOriginal(t.Context(), job.Object{Bucket: "b", Key: "k", VersionID: "null", ETag: "e"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := move.copyObject(t.Context(), "q", "k", src, &Found{etag: "old"}, CopyPlan{SHA256: emptyHex}); err != nil {
		t.Fatal(err)
	}
	header := asked()
	for name, value := range map[string]string{
		"X-Amz-Copy-Source": "b/k", "X-Amz-Copy-Source-If-Match": `"e"`, "If-Match": `"old"`, "If-None-Match": "",
		"X-Amz-Metadata-Directive": "COPY", "X-Amz-Tagging-Directive": "COPY",
	} {
		if got := header.Get(name); got != value {
			t.Errorf("header %s = %q, want %q", name, got, value)
		}
	}
}

func TestChecksumOfTheCopy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer string
		want         error
	}{
		{name: "the scanned bytes", answer: result(emptyBase64)},
		{name: "other bytes", answer: result(strings.Replace(emptyBase64, "4", "5", 1)), want: ErrOtherBytes},
		{name: "a checksum of parts", answer: result(emptyBase64 + "-2"), want: ErrOtherBytes},
		{name: "no checksum", answer: result(""), want: ErrOtherBytes},
		{name: "nothing at all", want: ErrOtherBytes},
		{name: "an error with status 200", answer: "<Error><Code>InternalError</Code></Error>", want: job.ErrTransient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			move, _ := wire(t, map[string]string{"Content-Length": "0", "ETag": `"e"`}, tt.answer)
			src, err := move.InspectOriginal(t.Context(), job.Object{Bucket: "b", Key: "k", VersionID: "v"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := move.copyObject(t.Context(), "q", "k", src, nil, CopyPlan{SHA256: emptyHex}); !errors.Is(err, tt.want) {
				t.Errorf("Copy error = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestNullVersion checks that an object from before its bucket had versions is deleted, and not hidden
// by a delete marker.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"null": `versionId null if "e"`, "": `versionId  if "e"`, "v7": "versionId v7 if ",
	} {
		src := &Source{Object: job.Object{Bucket: "b", Key: "k", VersionID: version, ETag: "e"}, id: optional(version)}
		in := src.deleteRequest()
		got := fmt.Sprintf("versionId %s if %s", aws.ToString(in.VersionId), aws.ToString(in.IfMatch))
		if got != want || in.VersionId != nil && *in.VersionId == "" {
			t.Errorf("version %q: delete %s, want %s", version, got, want)
		}
	}
}

func TestCompareUnscanned(t *testing.T) {
	t.Parallel()
	head := func(size int64, etag string, sse types.ServerSideEncryption) *s3.HeadObjectOutput {
		return &s3.HeadObjectOutput{ContentLength: &size, ETag: &etag, ServerSideEncryption: sse}
	}
	const a, b = `"0cc175b9c0f1b6a831c399e269772661"`, `"92eb5ffee6ae2fec3ad71c777531578f"`
	tests := []struct {
		name     string
		src, dst *s3.HeadObjectOutput
		ok       bool
	}{
		{name: "the same", src: head(3, a, ""), dst: head(3, a, types.ServerSideEncryptionAes256), ok: true},
		{name: "another size", src: head(3, a, ""), dst: head(4, a, "")},
		{name: "another ETag", src: head(3, a, ""), dst: head(3, b, "")},
		{name: "ETag of a multipart upload", src: head(3, `"a-2"`, ""), dst: head(3, b, ""), ok: true},
		{name: "encrypted with a KMS key", src: head(3, a, ""), dst: head(3, b, types.ServerSideEncryptionAwsKms), ok: true},
	}
	for _, tt := range tests {
		f := &Found{Size: *tt.dst.ContentLength, head: tt.dst}
		if err := f.compareUnscanned(&Source{head: tt.src}); (err == nil) != tt.ok {
			t.Errorf("%s: got error %v, want none: %v", tt.name, err, tt.ok)
		}
	}
}
