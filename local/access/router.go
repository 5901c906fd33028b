package access

import (
	"fmt"
	"net/http"
	"strings"
)

// Router hands each request to the service that its signature names. It passes paths on unchanged, because "a//b" and
// "a/b" are two keys of S3.
type Router map[string]http.Handler

func (routes Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := ServiceOf(r)
	if handler, ok := routes[service]; ok {
		handler.ServeHTTP(w, r)
		return
	}
	Refuse(w, r, Refusal{
		Status: http.StatusBadRequest, Code: "UnknownOperationException",
		Message: fmt.Sprintf("the local stack does not run the service %q", service),
	})
}

// ServiceOf returns the service in a request's credential scope. Requests without a scope are S3's (anonymous requests,
// form uploads, signatures of version 2), except those to Lambda's paths.
func ServiceOf(r *http.Request) string {
	if scope, ok := scopeOf(r); ok {
		return scope.service
	}
	if strings.HasPrefix(r.URL.Path, "/2015-03-31/") {
		return "lambda"
	}
	return "s3"
}

// KeyOf returns the access key of a request, or "".
func KeyOf(r *http.Request) string {
	scope, _ := scopeOf(r)
	return scope.key
}

// scope is a credential scope: "<key>/<date>/<region>/<service>/aws4_request".
type scope struct{ key, region, service string }

// scopeOf reads the scope in the header Authorization or, of a presigned URL, in the query. SigV4A has no region.
func scopeOf(r *http.Request) (s scope, ok bool) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if header := r.Header.Get("Authorization"); strings.HasPrefix(header, "AWS4-") {
		credential = headerPart(header, "Credential=")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	n := len(parts)
	if n < 4 || parts[n-1] != "aws4_request" {
		return s, false
	}
	// An access key may contain slashes.
	return scope{key: strings.Join(parts[:max(n-4, 1)], "/"), region: parts[n-3], service: parts[n-2]}, true
}

// headerPart returns the value that follows a name in the header Authorization.
func headerPart(header, name string) string {
	_, value, _ := strings.Cut(header, name)
	value, _, _ = strings.Cut(value, ",")
	return strings.TrimSpace(value)
}
