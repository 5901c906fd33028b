package local

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// endpoint hands each request to the service that its signature is for. Paths
// reach the services as they came: to S3, "a//b" is not "a/b".
type endpoint map[string]http.Handler

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := serviceOf(r)
	handler, ok := e[service]
	if !ok {
		refuse(w, r, refusal{http.StatusBadRequest, "UnknownOperationException", "", fmt.Sprintf("the local stack does not run the service %q", service)})
		return
	}
	handler.ServeHTTP(w, r)
}

// serviceOf reads the service from the SigV4 scope. What has none is S3's
// (anonymous requests, form uploads, signatures of version 2), but for Lambda's
// own paths.
func serviceOf(r *http.Request) string {
	if _, _, service, ok := scope(r); ok {
		return service
	}
	if strings.HasPrefix(r.URL.Path, "/2015-03-31/") {
		return "lambda"
	}
	return "s3"
}

// scope returns the access key, the region and the service of
// "<key>/<date>/<region>/<service>/aws4_request", which stands in the header or,
// in a presigned URL, in the query. SigV4A leaves out the region.
func scope(r *http.Request) (key, region, service string, ok bool) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if header := r.Header.Get("Authorization"); strings.HasPrefix(header, "AWS4-") {
		credential = part(header, "Credential=")
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	n := len(parts)
	if n < 4 || parts[n-1] != "aws4_request" {
		return "", "", "", false
	}
	// An access key may have a slash.
	return strings.Join(parts[:max(n-4, 1)], "/"), parts[n-3], parts[n-2], true
}

// refusal is an answer of the endpoint's own.
type refusal struct {
	status    int
	code      string
	queryCode string // its name in the Query protocol; code when empty
	message   string
}

// refuse answers in the protocol of the request as far as it can be told.
func refuse(w http.ResponseWriter, r *http.Request, why refusal) {
	switch {
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		queryError(w, why.status, cmp.Or(why.queryCode, why.code), why.message)
	case serviceOf(r) == "s3":
		writeXML(w, why.status, struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}{Code: why.code, Message: why.message})
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", why.code) // where REST clients look
		w.WriteHeader(why.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": why.code, "message": why.message}) // the client has gone if not
	}
}
