package access

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// signed returns the header Authorization of a request to a service. Its signature is wrong.
func signed(key, service string) string {
	return "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/us-east-1/" + service +
		"/aws4_request, SignedHeaders=host, Signature=00"
}

func TestRouter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, target, authorization, want string
	}{
		{"queue", "POST", "/", signed("test", "sqs"), "sqs"},
		{"bucket", "GET", "/bucket/key", signed("test", "s3"), "s3"},
		{"key with a slash in it", "POST", "/", signed("team/test", "states"), "states"},
		{
			"signature of version 4A",
			"GET",
			"/b",
			"AWS4-ECDSA-P256-SHA256 Credential=test/20260101/s3/aws4_request, Signature=00",
			"s3",
		},
		{
			"spaces left out",
			"POST",
			"/",
			"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sns/aws4_request,Signature=00",
			"sns",
		},
		{
			"presigned",
			"GET",
			"/b/k?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=00",
			"",
			"s3",
		},
		{
			"presigned for another service",
			"GET",
			"/?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsts%2Faws4_request",
			"",
			"sts",
		},
		{
			"header counts before query",
			"GET",
			"/?X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Faws4_request",
			signed("test", "sqs"),
			"sqs",
		},
		{"nobody", "GET", "/bucket/key", "", "s3"},
		{"form upload", "POST", "/bucket", "", "s3"},
		{"signature of version 2", "GET", "/bucket/key", "AWS test:00", "s3"},
		{"scope that is none", "GET", "/bucket", "AWS4-HMAC-SHA256 Credential=test", "s3"},
		{"unsigned invocation", "POST", "/2015-03-31/functions/f/invocations", "", "lambda"},
		{"signed request to a bucket of that name", "GET", "/2015-03-31/k", signed("test", "s3"), "s3"},
		{"path is left alone", "GET", "/b//a/../k", signed("test", "s3"), "s3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			router, got, path := Router{}, "", ""
			for _, service := range []string{"s3", "sqs", "sns", "states", "sts", "lambda"} {
				router[service] = http.HandlerFunc(
					func(_ http.ResponseWriter, r *http.Request) { got, path = service, r.URL.Path },
				)
			}
			r := httptest.NewRequest(test.method, test.target, nil)
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			router.ServeHTTP(httptest.NewRecorder(), r)
			if want, _, _ := strings.Cut(test.target, "?"); got != test.want || path != want {
				t.Errorf("service and path: got %q and %q, want %q and %q", got, path, test.want, want)
			}
		})
	}
}

func TestRouterRefusesOtherServices(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]string{
		"application/x-amz-json-1.0":                       `"__type":"UnknownOperationException"`,
		"application/x-www-form-urlencoded; charset=utf-8": "<Code>UnknownOperationException</Code>",
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", signed("test", "dynamodb"))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		Router{}.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != http.StatusBadRequest || !strings.Contains(body, want) ||
			!strings.Contains(body, "dynamodb") {
			t.Errorf("%s: answer %d %s, want %s", contentType, w.Code, body, want)
		}
	}
}
