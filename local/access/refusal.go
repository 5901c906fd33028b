package access

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Refusal is an error that the endpoint itself answers.
type Refusal struct {
	Status    int
	Code      string
	QueryCode string // the error's name in the Query protocol; Code when empty
	Message   string
}

// Refuse answers with an error in the protocol of the request.
func Refuse(w http.ResponseWriter, r *http.Request, why Refusal) {
	switch {
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		QueryError(w, why.Status, cmp.Or(why.QueryCode, why.Code), why.Message)
	case ServiceOf(r) == "s3":
		WriteXML(w, why.Status, struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}{Code: why.Code, Message: why.Message})
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", why.Code) // where clients of REST look
		w.WriteHeader(why.Status)
		// It fails when the client has gone.
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": why.Code, "message": why.Message})
	}
}

// QueryError answers with an error in the Query protocol.
func QueryError(w http.ResponseWriter, status int, code, message string) {
	var answer struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Error   struct {
			Type, Code, Message string
		}
		RequestID string `xml:"RequestId"`
	}
	answer.Error.Type, answer.Error.Code, answer.Error.Message = "Sender", code, message
	answer.RequestID = uuid.NewString()
	WriteXML(w, status, answer)
}

// WriteXML answers with a value in XML.
func WriteXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(v) // fails when the client has gone
}
