package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	// maxBody is the largest body of a request to another service than S3, in bytes. It is more than any of them takes.
	maxBody = 16 << 20
	// maxAge is how far a signature's time may be from now:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
	maxAge = 5 * time.Minute
)

// Signed passes on to next the requests that a caller has signed in the header Authorization, which no web page can
// send unasked. S3 verifies signatures itself, because it takes them in other forms too.
func (c Callers) Signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := c.verify(w, r); refusal != nil {
			Refuse(w, r, *refusal)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// verify signs the request again and compares the signatures. It reads the body and puts it back.
func (c Callers) verify(w http.ResponseWriter, r *http.Request) *Refusal {
	header := r.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	scope, ok := scopeOf(r)
	if !ok || err != nil || !strings.HasPrefix(header, "AWS4-HMAC-SHA256 ") {
		return forbidden("MissingAuthenticationTokenException", "MissingAuthenticationToken",
			"Request is missing Authentication Token: sign it with Signature Version 4, in the header Authorization.")
	}
	if _, ok := c.ARN(scope.key); !ok {
		return forbidden("UnrecognizedClientException", "InvalidClientTokenId",
			"The security token included in the request is invalid.")
	}
	if time.Since(at).Abs() > maxAge {
		return forbidden("InvalidSignatureException", "SignatureDoesNotMatch",
			"Signature expired, or its time is ahead of now: it holds for 5 minutes.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return &Refusal{
			Status: http.StatusRequestEntityTooLarge, Message: "The request is too large.",
			Code: "RequestTooLargeException", QueryCode: "RequestEntityTooLarge",
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if want, err := sign(r, scope, at, body); err != nil || headerPart(header, "Signature=") != want {
		return forbidden("InvalidSignatureException", "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. The secret access key is "+
				Secret+".")
	}
	return nil
}

func forbidden(code, queryCode, message string) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: code, QueryCode: queryCode, Message: message}
}

// signer keeps the keys that it derives from secrets, for a day each.
var signer = v4.NewSigner()

// sign returns the signature over the body and the headers that the request lists as signed.
func sign(r *http.Request, scope scope, at time.Time, body []byte) (string, error) {
	url := *r.URL // the signer changes it
	again := &http.Request{Method: r.Method, URL: &url, Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(headerPart(r.Header.Get("Authorization"), "SignedHeaders="), ";") {
		switch name {
		case "host": // the signer takes it from the request
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: scope.key, SecretAccessKey: Secret}
	err := signer.SignHTTP(
		r.Context(), credentials, again, hex.EncodeToString(sum[:]), scope.service, scope.region, at,
	)
	return headerPart(again.Header.Get("Authorization"), "Signature="), err
}
