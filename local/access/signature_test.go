package access

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Only what a caller has signed reaches a service, with its whole body.
func TestSigned(t *testing.T) {
	t.Parallel()
	const invalid, missing = "InvalidSignatureException", "MissingAuthenticationTokenException"
	for name, test := range map[string]struct {
		key, secret string
		age         time.Duration
		after       func(*http.Request) // changes the signed request
		want        string              // the error's name; empty where the service is reached
	}{
		"signed":                     {key: "test", secret: "test"},
		"by root of another account": {key: "111122223333", secret: "test"},
		"a while ago":                {key: "test", secret: "test", age: 4 * time.Minute},
		"long ago":                   {key: "test", secret: "test", age: time.Hour, want: invalid},
		"ahead of time":              {key: "test", secret: "test", age: -time.Hour, want: invalid},
		"with another secret":        {key: "test", secret: "guess", want: invalid},
		"by nobody that is known":    {key: "nobody", secret: "test", want: "UnrecognizedClientException"},
		"a header that is not signed": {key: "test", secret: "test", after: func(r *http.Request) {
			r.Header.Set("X-Other", "1")
		}},
		"another body": {key: "test", secret: "test", want: invalid, after: func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("{}"))
		}},
		"another path": {key: "test", secret: "test", want: invalid, after: func(r *http.Request) {
			r.URL.Path, r.URL.RawPath = "/other", ""
		}},
		"another query": {key: "test", secret: "test", want: invalid, after: func(r *http.Request) {
			r.URL.RawQuery = "a=2"
		}},
		"another host": {key: "test", secret: "test", want: invalid, after: func(r *http.Request) {
			r.Host = "evil.test"
		}},
		"another operation": {key: "test", secret: "test", want: invalid, after: func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "Other")
		}},
		"not signed": {key: "test", secret: "test", want: missing, after: func(r *http.Request) {
			r.Header.Del("Authorization")
		}},
		"signed without a time": {key: "test", secret: "test", want: missing, after: func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
		}},
		"a signature of version 2": {key: "test", secret: "test", want: missing, after: func(r *http.Request) {
			r.Header.Set("Authorization", "AWS test:00")
		}},
		"one that is cut off": {key: "test", secret: "test", want: invalid, after: func(r *http.Request) {
			r.Header.Set("Authorization", strings.TrimSuffix(signed("test", "sqs"), "=00"))
		}},
		"one without names of headers": {key: "test", secret: "test", after: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(signed("test", "sqs"), "SignedHeaders=host, ", "", 1))
		}, want: invalid},
		"a URL that is presigned, and no more": {key: "test", secret: "test", after: func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Signature=00"
		}, want: missing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const body = `{"QueueUrl": "q"}`
			r := httptest.NewRequest(http.MethodPost, "/a%3Ab/c%20d?a=1&b=%2F", strings.NewReader(body))
			r.URL.Host, r.URL.Scheme, r.Host = "", "", "127.0.0.1:4566"
			r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
			r.Header.Set("Content-Type", "application/x-amz-json-1.0")
			sum := sha256.Sum256([]byte(body))
			credentials := aws.Credentials{AccessKeyID: test.key, SecretAccessKey: test.secret}
			if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]),
				"sqs", "us-east-1", time.Now().Add(-test.age)); err != nil {
				t.Fatal(err)
			}
			if test.after != nil {
				test.after(r)
			}
			got := ""
			service := Callers{"test": UserARN}.Signed(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				content, _ := io.ReadAll(r.Body)
				got = string(content)
			}))
			w := httptest.NewRecorder()
			service.ServeHTTP(w, r)
			if test.want == "" {
				if got != body {
					t.Errorf("the service got %q: %d %s", got, w.Code, w.Body)
				}
				return
			}
			if !strings.Contains(w.Body.String(), test.want) || w.Code != http.StatusForbidden || got != "" {
				t.Errorf("answer %d %s, and the service got %q, want %s", w.Code, w.Body, got, test.want)
			}
		})
	}
}
