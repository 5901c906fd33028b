package s3

import (
	"net/http"
	"strings"

	"github.com/versity/versitygw/auth"
)

// Shares reports whether the CORS configuration of the request's bucket lets its
// Origin make it, or, of a preflight, the request that it announces. Browsers send
// no Origin with what they load into a page as it is (images, navigation): to that
// no configuration applies.
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
		return false // there is none, or no bucket
	}
	rules, err := auth.ParseCORSOutput(document)
	if err != nil {
		return false
	}
	_, err = rules.IsAllowed(origins[0], auth.CORSHTTPMethod(method), nil, "")
	return err == nil
}
