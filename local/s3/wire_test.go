package s3

import (
	"bytes"
	"io"
	mime "mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestHeaderNames reads an answer as it is on the wire.
func TestHeaderNames(t *testing.T) {
	t.Parallel()
	b, k := "versioned", keyOfTest(t)
	putBody(t, as("alice"), b, k, "x", func(in *s3.PutObjectInput) { in.Metadata = map[string]string{"My-Name": "v"} })
	get := must2(
		s3.NewPresignClient(as("alice")).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &k}),
	)(
		t,
	)
	u := must2(url.Parse(get.URL))(t)
	conn := must2(net.Dial("tcp", u.Host))(t)
	defer conn.Close()
	must2(io.WriteString(conn, "GET "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\nConnection: close\r\n\r\n"))(t)
	head, _, _ := strings.Cut(string(must2(io.ReadAll(conn))(t)), "\r\n\r\n")
	for _, name := range []string{
		"x-amz-meta-my-name: v", "x-amz-request-id: ", "x-amz-id-2: ", "x-amz-version-id: ", "ETag: ",
	} {
		if got := strings.Count(head, "\r\n"+name); got != 1 {
			t.Errorf("%d headers begin with %q, want 1, in\n%s", got, name, head)
		}
	}
	if strings.Contains(head, "X-Amz-") {
		t.Errorf("a header has capitals:\n%s", head)
	}
}

// TestFormAsBrowsersSendIt has a field behind the file, and ${filename}.
func TestFormAsBrowsersSendIt(t *testing.T) {
	t.Parallel()
	var form bytes.Buffer
	w := mime.NewWriter(&form)
	for _, f := range [][2]string{{"Key", "in/${filename}"}, {"x-amz-meta-n", "1"}} {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	file := must2(w.CreateFormFile("file", `a report.txt`))(t)
	must2(io.WriteString(file, "hello\r\n--"+w.Boundary()+"x"))(t)
	if err := w.WriteField("submit", "Upload"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := must2(http.NewRequest(http.MethodPost, "/bucket", &form))(t)
	r.Header.Set("Content-Type", w.FormDataContentType())
	if !isForm(r) {
		t.Fatal("it is not taken for a form")
	}
	folder := bodies(t.TempDir())
	done, err := folder.rewriteForm(r)
	defer done()
	if err != nil {
		t.Fatal(err)
	}
	whole := must2(io.ReadAll(r.Body))(t)
	if int64(len(whole)) != r.ContentLength {
		t.Errorf("%d bytes come, %d are announced", len(whole), r.ContentLength)
	}
	_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
	parts := mime.NewReader(bytes.NewReader(whole), boundary)
	var got []string
	for p, err := parts.NextPart(); err == nil; p, err = parts.NextPart() {
		got = append(got, p.FormName()+"="+string(must2(io.ReadAll(p))(t)))
	}
	if want := []string{
		"Key=in/a report.txt",
		"x-amz-meta-n=1",
		"file=hello\r\n--" + w.Boundary() + "x",
	}; !slices.Equal(
		got,
		want,
	) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSignedTrailer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("chunk\n\r\n", 20_000)
	for name, tt := range map[string]struct{ in, want string }{
		"MinIO's": {
			long + "x-amz-checksum-crc32:v\n\r\nx-amz-trailer-signature:s\r\n\r\n",
			long + "x-amz-checksum-crc32:v\r\nx-amz-trailer-signature:s\r\n\r\n\n",
		},
		"AWS's": {
			"x-amz-checksum-crc32:v\r\nx-amz-trailer-signature:s\r\n\r\n",
			"x-amz-checksum-crc32:v\r\nx-amz-trailer-signature:s\r\n\r\n",
		},
		"not a trailer": {long, long},
		"nothing":       {"", ""},
	} {
		for _, r := range []io.Reader{
			strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in)),
			iotest.DataErrReader(strings.NewReader(tt.in)),
		} {
			if got := string(must2(io.ReadAll(&signedTrailer{ReadCloser: io.NopCloser(r)}))(t)); got != tt.want {
				t.Errorf("%s: got …%q, want …%q", name, got[max(0, len(got)-60):], tt.want[max(0, len(tt.want)-60):])
			}
		}
	}
}

// TestUploadIDs takes nothing for an upload that was not given out for that key.
func TestUploadIDs(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	up := must2(c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: &k}))(t)
	other := k + "-other"
	for _, tt := range []struct{ key, id string }{
		{k, "../../../etc"}, {k, "nothing"}, {k, "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, {other, *up.UploadId},
	} {
		n := aws.Int32(1)
		_, err := c.UploadPart(
			t.Context(),
			&s3.UploadPartInput{
				Bucket:     &b,
				Key:        &tt.key,
				UploadId:   &tt.id,
				PartNumber: n,
				Body:       strings.NewReader("x"),
			},
		)
		wantError(t, err, 404, "NoSuchUpload")
		_, err = c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &b, Key: &tt.key, UploadId: &tt.id})
		wantError(t, err, 404, "NoSuchUpload")
		_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket:   &b,
			Key:      &tt.key,
			UploadId: &tt.id,
			MultipartUpload: &types.CompletedMultipartUpload{
				Parts: []types.CompletedPart{{PartNumber: n, ETag: aws.String("e")}},
			},
		})
		wantError(t, err, 404, "NoSuchUpload")
		_, err = c.AbortMultipartUpload(
			t.Context(),
			&s3.AbortMultipartUploadInput{Bucket: &b, Key: &tt.key, UploadId: &tt.id},
		)
		wantError(t, err, 404, "NoSuchUpload")
	}
	must2(
		c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &b, Key: &k, UploadId: up.UploadId}),
	)(
		t,
	)
}

// TestLimits has as many tags and as much metadata as S3 allows, and one more.
func TestLimits(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), "versioned", keyOfTest(t)
	tags := url.Values{}
	for i := range 10 {
		tags.Set(strings.Repeat("ü", 127)+string(rune('a'+i)), strings.Repeat("é", 256))
	}
	metadata := map[string]string{"m": strings.Repeat("x", 2047)}
	put := func(change func(*s3.PutObjectInput)) error {
		in := &s3.PutObjectInput{
			Bucket:   &b,
			Key:      &k,
			Body:     strings.NewReader("x"),
			Tagging:  aws.String("a=1"),
			Metadata: metadata,
		}
		change(in)
		_, err := c.PutObject(t.Context(), in)
		return err
	}
	if _, err := parseTags(tags.Encode()); err != nil {
		t.Errorf("ten long tags: %v", err)
	}
	if err := put(func(*s3.PutObjectInput) {}); err != nil {
		t.Errorf("2 KiB of metadata: %v", err)
	}
	wantError(
		t,
		put(func(in *s3.PutObjectInput) { in.Metadata = map[string]string{"m": strings.Repeat("x", 2048)} }),
		400,
		"MetadataTooLarge",
	)
	wantError(
		t,
		put(func(in *s3.PutObjectInput) { in.Tagging = aws.String("a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1") }),
		400,
		"BadRequest",
	)
	wantError(
		t,
		put(func(in *s3.PutObjectInput) { in.Tagging = aws.String(strings.Repeat("k", 129) + "=1") }),
		400,
		"InvalidTag",
	)
}

// TestFormWithoutFileName uploads what is no file to the client, often enough for
// fields in any order to come in a wrong one.
func TestFormWithoutFileName(t *testing.T) {
	t.Parallel()
	for range 20 {
		const form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nprivate\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n"
		answer := must2(http.Post(endpoint+"/plain", "multipart/form-data; boundary=b", strings.NewReader(form)))(t)
		body := must2(io.ReadAll(answer.Body))(t)
		answer.Body.Close()
		if !bytes.Contains(body, []byte("<Code>AccessDenied<")) {
			t.Fatalf("a form that nobody signed: %s %s, want AccessDenied", answer.Status, body)
		}
	}
}
