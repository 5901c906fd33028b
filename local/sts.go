package local

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// sts answers GetCallerIdentity, which is what people type first.
type sts callers

type callerIdentity struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Result  struct {
		Arn, UserId, Account string
	} `xml:"GetCallerIdentityResult"`
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func (s sts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if action := r.FormValue("Action"); action != "GetCallerIdentity" {
		queryError(w, http.StatusBadRequest, "InvalidAction", fmt.Sprintf("the local stack does not do %q of STS", action))
		return
	}
	key, _, _, _ := scope(r)
	arn, ok := callers(s).arn(key)
	if !ok {
		queryError(w, http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
		return
	}
	answer := callerIdentity{RequestID: uuid.NewString()}
	answer.Result.Arn, answer.Result.UserId, answer.Result.Account = arn, key, template.Account
	if part := strings.Split(arn, ":"); len(part) > 4 {
		answer.Result.Account = part[4]
	}
	writeXML(w, http.StatusOK, answer)
}

type queryFailure struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	Error   struct {
		Type, Code, Message string
	}
	RequestID string `xml:"RequestId"`
}

// queryError answers in the Query protocol's shape.
func queryError(w http.ResponseWriter, status int, code, message string) {
	failure := queryFailure{RequestID: uuid.NewString()}
	failure.Error.Type, failure.Error.Code, failure.Error.Message = "Sender", code, message
	writeXML(w, status, failure)
}

func writeXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(v) // the client has gone if not
}
