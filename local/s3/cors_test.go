package s3

import (
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A bucket's CORS configuration is for that bucket, its origins and its methods.
func TestShares(t *testing.T) {
	rules := []types.CORSRule{
		{AllowedOrigins: []string{"https://app.test"}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"*"}},
		{AllowedOrigins: []string{"https://*.cdn.test"}, AllowedMethods: []string{"GET"}},
	}
	bucket := &s3.PutBucketCorsInput{
		Bucket:            aws.String("plain"),
		CORSConfiguration: &types.CORSConfiguration{CORSRules: rules},
	}
	if _, err := as("alice").PutBucketCors(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := as("alice").DeleteBucketCors(t.Context(),
			&s3.DeleteBucketCorsInput{Bucket: bucket.Bucket}); err != nil {
			t.Error(err)
		}
	}()
	for name, test := range map[string]struct {
		method, target string
		origins        []string
		announced      string // Access-Control-Request-Method
		want           bool
	}{
		"allowed":                      {"PUT", "/plain/k", []string{"https://app.test"}, "", true},
		"by a pattern":                 {"GET", "/plain/k", []string{"https://a.cdn.test"}, "", true},
		"announced":                    {"OPTIONS", "/plain/k", []string{"https://app.test"}, "PUT", true},
		"another method is announced":  {"OPTIONS", "/plain/k", []string{"https://app.test"}, "DELETE", false},
		"nothing is announced":         {"OPTIONS", "/plain/k", []string{"https://app.test"}, "", false},
		"another method":               {"POST", "/plain/k", []string{"https://app.test"}, "", false},
		"a method that looks allowed":  {"POST", "/plain/k", []string{"https://app.test"}, "PUT", false},
		"another origin":               {"PUT", "/plain/k", []string{"https://evil.test"}, "", false},
		"an origin that looks allowed": {"PUT", "/plain/k", []string{"https://app.test.evil.test"}, "", false},
		"an opaque origin":             {"PUT", "/plain/k", []string{"null"}, "", false},
		"no origin":                    {"PUT", "/plain/k", nil, "", false},
		"two origins":                  {"PUT", "/plain/k", []string{"https://app.test", "https://evil.test"}, "", false},
		"a bucket without rules":       {"PUT", "/versioned/k", []string{"https://app.test"}, "", false},
		"no bucket":                    {"PUT", "/", []string{"https://app.test"}, "", false},
		"no such bucket":               {"PUT", "/nothing/k", []string{"https://app.test"}, "", false},
		"a bucket that is spelled":     {"PUT", "/plain%2F..%2Fversioned/k", []string{"https://app.test"}, "", false},
		"a bucket below":               {"PUT", "/../plain/k", []string{"https://app.test"}, "", false},
	} {
		r := httptest.NewRequest(test.method, test.target, nil)
		r.Header["Origin"] = test.origins
		if test.announced != "" {
			r.Header.Set("Access-Control-Request-Method", test.announced)
		}
		if got := running.Shares(r); got != test.want {
			t.Errorf("%s: %s %s shared %t, want %t", name, test.method, test.target, got, test.want)
		}
	}
}
