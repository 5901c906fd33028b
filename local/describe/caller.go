package describe

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/access"
)

// Caller answers GetCallerIdentity of STS.
type Caller access.Callers

func (c Caller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isAction(w, r, "STS", "GetCallerIdentity") {
		return
	}
	key := access.KeyOf(r)
	arn, ok := access.Callers(c).ARN(key)
	part := strings.Split(arn, ":")
	if !ok || len(part) < 5 {
		access.QueryError(w, http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid.")
		return
	}
	var answer struct {
		XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
		Result  struct {
			Arn, UserId, Account string
		} `xml:"GetCallerIdentityResult"`
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}
	answer.Result.Arn, answer.Result.UserId, answer.Result.Account = arn, key, part[4]
	answer.RequestID = uuid.NewString()
	access.WriteXML(w, http.StatusOK, answer)
}
