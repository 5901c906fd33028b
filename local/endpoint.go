package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// endpoint hands each request to the service that its signature is for. Paths
// reach the services as they came: to S3, "a//b" is not "a/b".
type endpoint map[string]http.Handler

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := serviceOf(r)
	if handler, ok := e[service]; ok {
		handler.ServeHTTP(w, r)
		return
	}
	notHere(w, r, service)
}

// serviceOf reads the service from the SigV4 scope. What has none is S3's
// (anonymous requests, form uploads, signatures of version 2), but for Lambda's
// own paths, which people call with curl.
func serviceOf(r *http.Request) string {
	if _, service, ok := scope(r); ok {
		return service
	}
	if strings.HasPrefix(r.URL.Path, "/2015-03-31/") {
		return "lambda"
	}
	return "s3"
}

// scope returns the access key and the service of
// "<key>/<date>/<region>/<service>/aws4_request", which stands in the header or,
// in a presigned URL, in the query. SigV4A leaves out the region.
func scope(r *http.Request) (key, service string, ok bool) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if header := r.Header.Get("Authorization"); strings.HasPrefix(header, "AWS4-") {
		_, credential, _ = strings.Cut(header, "Credential=")
		credential, _, _ = strings.Cut(credential, ",")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) < 4 || parts[len(parts)-1] != "aws4_request" {
		return "", "", false
	}
	return parts[0], parts[len(parts)-2], true
}

// notHere refuses a service that we do not run, in the protocol of the request
// as far as it can be told.
func notHere(w http.ResponseWriter, r *http.Request, service string) {
	const code = "UnknownOperationException"
	message := fmt.Sprintf("the local stack does not run the service %q", service)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		queryError(w, http.StatusBadRequest, code, message)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code) // where REST clients look
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message}) // the client has gone if not
}
