package sns

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"
)

const namespace = "http://sns.amazonaws.com/doc/2010-03-31/"

// maxRequest bounds a request's body: a message of 256 KiB with every byte
// percent-encoded, and room for the rest.
const maxRequest = 1 << 20

type operation func(s *Service, form url.Values) (result any, err error)

var operations = map[string]operation{
	"Publish":                  publish,
	"ListTopics":               listTopics,
	"Subscribe":                subscribe,
	"Unsubscribe":              unsubscribe,
	"ListSubscriptions":        listSubscriptions,
	"ListSubscriptionsByTopic": listSubscriptions,
}

// ServeHTTP answers one request of the Query protocol.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		fail(w, &Error{Code: "MalformedInput", Message: err.Error()})
		return
	}
	action := r.Form.Get("Action")
	do, ok := operations[action]
	if !ok {
		fail(w, &Error{Code: "InvalidAction", Message: "no operation " + strconv.Quote(action) + " here"})
		return
	}
	result, err := do(s, r.Form)
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, action+"Response", action+"Result", result)
}

func fail(w http.ResponseWriter, err error) {
	status, fault := http.StatusBadRequest, "Sender"
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		e, status, fault = &Error{Code: "InternalError", Message: err.Error()}, http.StatusInternalServerError, "Receiver"
	case e.Code == "NotFound":
		status = http.StatusNotFound
	}
	write(w, status, "ErrorResponse", "Error", struct{ Type, Code, Message string }{fault, e.Code, e.Message})
}

// write sends <root><element>value</element>…</root> with a request id where the
// protocol has it: beside an error, in ResponseMetadata after a result.
func write(w http.ResponseWriter, status int, root, element string, value any) {
	id := uuid.NewString()
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("x-amzn-RequestId", id)
	w.WriteHeader(status)
	out := xml.NewEncoder(w)
	start := xml.StartElement{Name: xml.Name{Space: namespace, Local: root}}
	type metadata struct{ RequestId string }
	// An error here means that the client has gone.
	_ = out.EncodeToken(start)
	_ = out.EncodeElement(value, xml.StartElement{Name: xml.Name{Local: element}})
	if status == http.StatusOK {
		_ = out.EncodeElement(metadata{id}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	} else {
		_ = out.EncodeElement(id, xml.StartElement{Name: xml.Name{Local: "RequestId"}})
	}
	_ = out.EncodeToken(start.End())
	_ = out.Flush()
}
