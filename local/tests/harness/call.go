package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Call is one request of a function to a service, as a proxy of --functions-endpoint sees it.
type Call struct {
	Function  string // "tag"
	Service   string // "s3", "sqs", "states": as in the scope of the signature
	Operation string // "PutObjectTagging", "Publish"
	About     string // where the key of the object stands: path, copy source or body
	Peer      string // the function's end of the connection
}

// DescribeCall returns what a request is. It reads the body, except that of S3 requests, which may be large.
func DescribeCall(r *http.Request) Call {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope := append(strings.Split(credential, "/"), "", "", "", "") // that of an unsigned request is empty
	c := Call{
		Peer: r.RemoteAddr, Service: scope[3],
		Function: strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(scope[0], "lazaret-"), "FunctionRole")),
	}
	if c.Service != "s3" {
		body, _ := io.ReadAll(r.Body) // what is missing is missing at the service too
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, c.Operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		c.About = string(body)
		if form, err := url.ParseQuery(string(body)); err == nil && form.Has("Action") {
			c.Operation, c.About = form.Get("Action"), form.Get("Message")
		}
		return c
	}
	source, _ := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
	c.About = r.URL.Path + " " + source
	what := "Object"
	if r.URL.Query().Has("tagging") {
		what = "ObjectTagging"
	}
	verb := map[string]string{"GET": "Get", "PUT": "Put", "HEAD": "Head", "DELETE": "Delete"}[r.Method]
	if source != "" {
		verb = "Copy"
	}
	c.Operation = verb + what
	return c
}

// Refuse answers a call with an error in the protocol of its service. Those that speak JSON answer 400 to every error
// that is the caller's.
func (c Call) Refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		if status < http.StatusInternalServerError {
			status = http.StatusBadRequest
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
	case c.Operation == "Publish":
		w.WriteHeader(status)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>"+
			"<Message>%s</Message></Error></ErrorResponse>", code, message)
	default:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
		}
	}
}

// Caller returns the process id of a call's sender, or 0 if there is none.
func (m *Machine) Caller(c Call) int {
	_, port, err := net.SplitHostPort(c.Peer)
	if err != nil {
		return 0
	}
	number, _ := strconv.Atoi(port)
	table, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[1] != fmt.Sprintf("0100007F:%04X", number) {
			continue
		}
		for _, process := range m.Processes() {
			if process.HasOpen("socket:[" + fields[9] + "]") {
				return process.PID
			}
		}
	}
	return 0
}
