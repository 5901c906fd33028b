// Package trace records AWS X-Ray subsegments. It is the only package that imports aws-xray-sdk-go,
// which is in maintenance mode and has many dependencies, so that the SDK can be replaced here alone.
// Without an open segment, all functions do nothing but call what they are given.
package trace

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-xray-sdk-go/instrumentation/awsv2"
	"github.com/aws/aws-xray-sdk-go/strategy/ctxmissing"
	"github.com/aws/aws-xray-sdk-go/xray"
)

func init() {
	// By default the SDK logs an error for each call without a segment, as calls during init are.
	_ = xray.Configure(xray.Config{ContextMissingStrategy: ctxmissing.NewDefaultIgnoreErrorStrategy()})
}

// Instrument records each AWS call with cfg as a subsegment of the invocation.
func Instrument(cfg *aws.Config) {
	awsv2.AWSV2Instrumentor(&cfg.APIOptions)
}

// Capture runs fn in a subsegment with this name.
func Capture(ctx context.Context, name string, fn func(context.Context) error) error {
	return xray.Capture(ctx, name, fn)
}
