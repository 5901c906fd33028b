package s3

import (
	"net/http"
	"strings"

	"github.com/versity/versitygw/auth"
)

// Shares reports whether the CORS configuration of a bucket allows a request from its Origin. For a preflight that is
// the request that it asks about. Browsers load images and pages without an Origin, so no configuration allows those.
func (s *Service) Shares(r *http.Request) bool {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	origins := r.Header.Values("Origin")
	if bucket == "" || strings.Contains(bucket, "%") || len(origins) != 1 {
		return false
	}
	method := r.Method
	if method == http.MethodOptions {
		method = r.Header.Get("Access-Control-Request-Method")
	}
	document, err := s.buckets.GetBucketCors(r.Context(), bucket)
	if err != nil {
		return false // the bucket has none, or does not exist
	}
	rules, err := auth.ParseCORSOutput(document)
	if err != nil {
		return false
	}
	_, err = rules.IsAllowed(origins[0], auth.CORSHTTPMethod(method), nil, "")
	return err == nil
}
