package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lazaret/lazaret/local/tests/harness"
)

// call is one request of a function to a service.
type call struct {
	harness.Call
	object name // of the uploads bucket, if the call names one
	body   bool // whether the answer has the bytes of an object
}

// describe returns what a request is.
func describe(r *http.Request) call {
	c := call{Call: harness.DescribeCall(r)}
	if c.Service != "s3" {
		return c
	}
	query := r.URL.Query()
	c.About += "?" + query.Get("versionId")
	c.body = c.Operation == "GetObject" && !query.Has("list-type") && !query.Has("versions")
	source, _ := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
	if key, ok := strings.CutPrefix(r.URL.Path, "/"+harness.Uploads+"/"); ok {
		c.object = name{key, query.Get("versionId")}
	} else if key, id, ok := cutVersion(source); ok {
		c.object = name{key, id}
	}
	return c
}

// cutVersion returns key and version of the source of a copy.
func cutVersion(source string) (key, id string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(source, "/"), harness.Uploads+"/")
	if i := strings.LastIndex(rest, "?versionId="); ok && i >= 0 {
		return rest[:i], rest[i+len("?versionId="):], true
	}
	return "", "", false
}
