// Package rescan lets an operator scan one object version now: it finds the
// version, asks dispatch for it through the uploads queue, as a run of its own,
// and follows the execution to its end. It starts no execution itself, because
// the policy of this stack is known to dispatch alone. The operator's command
// calls it.
package rescan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// ErrNotUploaded says that the object lies where no upload does: the stack's
// functions may not read it there, and the scan would end as a dead letter.
var ErrNotUploaded = errors.New("not an upload")

// check refuses the buckets to which the stack itself moves objects.
func check(s stack.Stack, o job.Object) error {
	switch o.Bucket {
	case s.Bucket("quarantine"):
		return fmt.Errorf("%w: %s is in quarantine: it has its verdict, and nothing is scanned there; which object it was says the record %s.json beside it",
			ErrNotUploaded, o, o.Key)
	case s.Bucket("clean"):
		return fmt.Errorf("%w: %s was found CLEAN and promoted; nothing is scanned in the clean bucket", ErrNotUploaded, o)
	}
	return nil
}

// sender is what asking dispatch takes.
type sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Start asks for a scan of the object and returns the ARN of the execution that
// dispatch is going to start. Every call is a run of its own.
func Start(ctx context.Context, client sender, s stack.Stack, o job.Object) (execution string, err error) {
	if err := check(s, o); err != nil {
		return "", err
	}
	body, err := json.Marshal(upload.List{Run: "scan-" + uuid.NewString(), Objects: []job.Object{o}})
	if err != nil {
		return "", fmt.Errorf("encode the request for %s: %w", o, err)
	}
	// What dispatch will read decides the name, so it is read here the same way.
	m, err := upload.Decode(body)
	if err != nil {
		return "", fmt.Errorf("ask for a scan of %s: %w", o, err)
	}
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &s.Uploads, MessageBody: aws.String(string(body))}); err != nil {
		return "", fmt.Errorf("send the request for %s to %s-uploads: %w", o, s.Name, err)
	}
	return s.Execution(m.Jobs[0].ExecutionName()), nil
}
