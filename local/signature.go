package local

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

// maxSigned is the largest body that is signed outside S3, in bytes: more than any
// service here takes.
const maxSigned = 16 << 20

// signedFor is how far a signature's time may be from now, from
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
const signedFor = 5 * time.Minute

var (
	unsigned = refusal{
		http.StatusForbidden, "MissingAuthenticationTokenException", "MissingAuthenticationToken",
		"Request is missing Authentication Token: sign it with Signature Version 4, in the header Authorization.",
	}
	unknownKey = refusal{
		http.StatusForbidden, "UnrecognizedClientException", "InvalidClientTokenId",
		"The security token included in the request is invalid.",
	}
	wrongSignature = refusal{
		http.StatusForbidden, "InvalidSignatureException", "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you provided. The secret access key is test.",
	}
	expired = refusal{
		http.StatusForbidden, "InvalidSignatureException", "SignatureDoesNotMatch",
		"Signature expired, or its time is ahead of now: it holds for 5 minutes.",
	}
	tooLarge = refusal{http.StatusRequestEntityTooLarge, "RequestTooLargeException", "RequestEntityTooLarge", "The request is too large."}
)

// only lets requests through to a service that one of the callers has signed, in
// the header Authorization: no web page can send that one unasked. S3 verifies for
// itself, as it takes other forms of signatures.
func (c callers) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.verify(w, r); err != nil {
			refuse(w, r, *err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// verify signs again what the request says that it has signed, and compares. The
// body is read for that, and can be read again.
func (c callers) verify(w http.ResponseWriter, r *http.Request) *refusal {
	header := r.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	key, region, service, ok := scope(r)
	if !ok || err != nil || !strings.HasPrefix(header, "AWS4-HMAC-SHA256 ") {
		return &unsigned
	}
	if _, ok := c.arn(key); !ok {
		return &unknownKey
	}
	if time.Since(at).Abs() > signedFor {
		return &expired
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSigned))
	if err != nil {
		return &tooLarge
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	url := *r.URL // the signer writes to it
	again := &http.Request{Method: r.Method, URL: &url, Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(part(header, "SignedHeaders="), ";") {
		switch name {
		case "host": // the signer has it from the request
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, again,
		hex.EncodeToString(sum[:]), service, region, at)
	if got, want := part(header, "Signature="), part(again.Header.Get("Authorization"), "Signature="); err != nil || got != want {
		return &wrongSignature
	}
	return nil
}

// part is what follows the name in a header Authorization.
func part(header, name string) string {
	_, value, _ := strings.Cut(header, name)
	value, _, _ = strings.Cut(value, ",")
	return strings.TrimSpace(value)
}
