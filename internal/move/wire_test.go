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

// wire is the SDK's own client in front of a server that answers HEAD with the
// headers of an object and keeps the headers of the copy that is asked for.
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

// The SHA-256 of nothing, as S3 and as a job write it.
const (
	emptyBase64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	emptyHex    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func result(sum string) string {
	return `<CopyObjectResult><ETag>"e"</ETag><ChecksumSHA256>` + sum + `</ChecksumSHA256></CopyObjectResult>`
}

func TestOnTheWire(t *testing.T) {
	t.Parallel()
	move, asked := wire(t, map[string]string{
		"Content-Length": "0", "ETag": `"e"`, "Content-Type": "text/x", "Content-Encoding": "gzip", "Content-Disposition": "inline",
		"Content-Language": "de", "Cache-Control": "no-store", "Expires": "0", "X-Amz-Website-Redirect-Location": "/x",
		"X-Amz-Meta-Owner": "=?UTF-8?Q?a=C3=B1a?=", "X-Amz-Meta-Lazaret-Verdict": "CLEAN",
	}, result(emptyBase64))
	src, err := move.Look(t.Context(), job.Object{Bucket: "b", Key: "a b/1+1=ñ?versionId=x%2F", VersionID: "v/1+"})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := move.copyObject(t.Context(), "q", "k", src, nil, Target{
		SHA256: emptyHex,
		Record: []Entry{{Key: Reserved + "sha256", Value: emptyHex}, {Key: Reserved + "source-version"}},
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
		"X-Amz-Metadata-Directive": "REPLACE", "X-Amz-Tagging-Directive": "REPLACE", "X-Amz-Tagging": "a%20b=c%2Bd%26%3D%C3%B1",
		"Content-Type": "text/x", "Content-Encoding": "gzip", "Content-Disposition": "inline", "Content-Language": "de",
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
		t.Errorf("Expires is not signed: %s", signed)
	}
}

func TestOnTheWireWithoutVersions(t *testing.T) {
	t.Parallel()
	move, asked := wire(t, map[string]string{"Content-Length": "0", "ETag": `"e"`, "X-Amz-Missing-Meta": "1"}, result(emptyBase64))
	src, err := move.Look(t.Context(), job.Object{Bucket: "b", Key: "k", VersionID: "null", ETag: "e"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := move.copyObject(t.Context(), "q", "k", src, &Found{etag: "old"}, Target{SHA256: emptyHex}); err != nil {
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
		{"the scanned bytes", result(emptyBase64), nil},
		{"other bytes", result(strings.Replace(emptyBase64, "4", "5", 1)), ErrOtherBytes},
		{"a checksum of parts", result(emptyBase64 + "-2"), ErrOtherBytes},
		{"no checksum", result(""), ErrOtherBytes},
		{"nothing at all", "", ErrOtherBytes},
		{"an error with status 200", "<Error><Code>InternalError</Code></Error>", job.ErrTransient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			move, _ := wire(t, map[string]string{"Content-Length": "0", "ETag": `"e"`}, tt.answer)
			src, err := move.Look(t.Context(), job.Object{Bucket: "b", Key: "k", VersionID: "v"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := move.copyObject(t.Context(), "q", "k", src, nil, Target{SHA256: emptyHex}); !errors.Is(err, tt.want) {
				t.Errorf("Copy error = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestNullVersion: an object from before its bucket had versions is deleted, not
// hidden behind a marker.
func TestNullVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"null": `versionId null if "e"`, "": `versionId  if "e"`, "v7": "versionId v7 if "} {
		src := &Source{Object: job.Object{Bucket: "b", Key: "k", VersionID: version, ETag: "e"}, id: optional(version)}
		in := src.deletion()
		got := fmt.Sprintf("versionId %s if %s", aws.ToString(in.VersionId), aws.ToString(in.IfMatch))
		if got != want || in.VersionId != nil && *in.VersionId == "" {
			t.Errorf("version %q: delete %s, want %s", version, got, want)
		}
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	head := func(size int64, etag string, sse types.ServerSideEncryption) *s3.HeadObjectOutput {
		return &s3.HeadObjectOutput{ContentLength: &size, ETag: &etag, ServerSideEncryption: sse}
	}
	tests := []struct {
		name     string
		src, dst *s3.HeadObjectOutput
		ok       bool
	}{
		{"the same", head(3, `"a"`, ""), head(3, `"a"`, types.ServerSideEncryptionAes256), true},
		{"another size", head(3, `"a"`, ""), head(4, `"a"`, ""), false},
		{"another ETag", head(3, `"a"`, ""), head(3, `"b"`, ""), false},
		{"of parts", head(3, `"a-2"`, ""), head(3, `"b"`, ""), true},
		{"under a key", head(3, `"a"`, ""), head(3, `"b"`, types.ServerSideEncryptionAwsKms), true},
	}
	for _, tt := range tests {
		f := &Found{Size: *tt.dst.ContentLength, head: tt.dst}
		if err := f.like(&Source{head: tt.src}); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
