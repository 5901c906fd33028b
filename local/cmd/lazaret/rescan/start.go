// Package rescan lets an operator scan one object version now. It finds the version, sends a request to dispatch
// through the rescans queue, which waits behind uploads, and follows the execution to its end. Each request is a run of
// its own. The package does not start executions itself, because only dispatch knows the parameters of the stack.
package rescan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// ErrNotUploaded says that the object is in a bucket to which the stack moves objects. The functions may not read it
// there, so the scan would end as a dead letter.
var ErrNotUploaded = errors.New("not an upload")

// checkBucket refuses objects of the buckets to which the stack moves objects.
func checkBucket(stack deployment.Stack, o job.Object) error {
	switch o.Bucket {
	case stack.Bucket("quarantine"):
		return fmt.Errorf("%w: %s is in quarantine: it has its verdict, and nothing is scanned there; "+
			"the record %s.json beside it names the original", ErrNotUploaded, o, o.Key)
	case stack.Bucket("clean"):
		return fmt.Errorf(
			"%w: %s was found CLEAN and promoted; nothing is scanned in the clean bucket",
			ErrNotUploaded,
			o,
		)
	}
	return nil
}

// sender is the operation that Start calls.
type sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Start requests a scan of the object and returns the name of the execution that dispatch will start.
func Start(ctx context.Context, client sender, stack deployment.Stack, o job.Object) (execution string, err error) {
	if err := checkBucket(stack, o); err != nil {
		return "", err
	}
	body, err := json.Marshal(upload.List{Run: "scan-" + uuid.NewString(), Objects: []upload.Listed{{Object: o}}})
	if err != nil {
		return "", fmt.Errorf("encode the request for %s: %w", o, err)
	}
	// Dispatch decodes the body and names the execution after the job; so does this.
	m, err := upload.Decode(body)
	if err != nil {
		return "", fmt.Errorf("request a scan of %s: %w", o, err)
	}
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &stack.Rescans, MessageBody: aws.String(string(body)),
	}); err != nil {
		return "", fmt.Errorf("send the request for %s to %s-rescans: %w", o, stack.Name, err)
	}
	return m.Jobs[0].ExecutionName(), nil
}
