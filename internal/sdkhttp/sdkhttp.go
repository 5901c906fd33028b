// Package sdkhttp makes answers to the AWS SDK arrive whole. With smithy-go
// 1.28.8 a server that answers before net/http has looked for the end of the
// request's body makes it drop the connection, and what was not read of the
// answer: the SDK closes the body then, and its WriteTo reports io.EOF as a
// failure, where its Read ends in good order. It happens on one machine, to one
// answer in a hundred, and matters where an answer cannot be asked for again:
// the messages of a lost one stay hidden.
package sdkhttp

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Whole returns a client that hides from the given one that request bodies have
// a WriteTo.
func Whole(client aws.HTTPClient) aws.HTTPClient { return whole{client} }

type whole struct{ client aws.HTTPClient }

func (c whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.client.Do(r)
	}
	hidden := *r
	hidden.Body = struct{ io.ReadCloser }{r.Body}
	return c.client.Do(&hidden)
}
