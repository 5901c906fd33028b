// Package trace is the only place that knows aws-xray-sdk-go. The SDK is in
// maintenance and brings many dependencies along, so that it can be replaced
// here alone. A trace is never a condition for a verdict: where no segment is
// open, everything here does nothing.
package trace

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-xray-sdk-go/instrumentation/awsv2"
	"github.com/aws/aws-xray-sdk-go/strategy/ctxmissing"
	"github.com/aws/aws-xray-sdk-go/xray"
)

func init() {
	// The default writes an error to the log for every call without a segment,
	// which is what calls during init are.
	_ = xray.Configure(xray.Config{ContextMissingStrategy: ctxmissing.NewDefaultIgnoreErrorStrategy()})
}

// Instrument makes every AWS call with cfg a subsegment of the invocation.
func Instrument(cfg *aws.Config) {
	awsv2.AWSV2Instrumentor(&cfg.APIOptions)
}

// Capture runs fn in a subsegment called name.
func Capture(ctx context.Context, name string, fn func(context.Context) error) error {
	return xray.Capture(ctx, name, fn)
}
