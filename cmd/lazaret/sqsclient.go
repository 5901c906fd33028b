package main

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// sqsClient is a client whose answers arrive whole. With smithy-go 1.28.8 a
// server that answers before net/http has looked for the end of the request's
// body makes it drop the connection, and what was not read of the answer: the
// SDK closes the body then, and its WriteTo reports io.EOF as a failure, where
// its Read ends in good order. The SDK asks again, but the messages of a lost
// answer stay hidden. One in a hundred answers of a queue on the same machine is
// lost that way.
func sqsClient(cfg aws.Config) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.HTTPClient = readOnly{o.HTTPClient} })
}

// readOnly hides that request bodies have a WriteTo.
type readOnly struct{ client sqs.HTTPClient }

func (c readOnly) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.client.Do(r)
}
