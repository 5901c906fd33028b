// Package access tells which service a request is for and who signed it. It serves each service's handler behind the
// check of signatures, and answers what is refused in the protocol of the request.
package access

import (
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

const (
	// Secret is the secret access key of every caller. It is no secret: an access key says who a caller claims to be, and
	// package guard keeps strangers out.
	Secret = "test"
	// UserARN is the ARN of the person who runs the stack, whose access key is "test".
	UserARN = "arn:aws:iam::" + template.Account + ":user/test"
)

// Callers holds the ARNs of those who may sign requests, by access key.
type Callers map[string]string

// NewCallers returns the callers of an application: the person who runs it, the role of each function and state
// machine, and the principals that parameters name.
func NewCallers(app *template.Application) (Callers, error) {
	arns := []string{UserARN}
	for _, f := range app.Functions {
		arns = append(arns, f.RoleARN)
	}
	for _, m := range app.Machines {
		arns = append(arns, m.RoleARN)
	}
	for _, parameter := range []string{
		"TrustedReaderArns", "QuarantineReaderArn", "VerifierArns", "UploaderArns", "ReaderArns",
	} {
		for arn := range strings.SplitSeq(app.Parameters[parameter], ",") {
			if arn = strings.TrimSpace(arn); arn != "" {
				arns = append(arns, arn)
			}
		}
	}
	callers := Callers{}
	for _, arn := range arns {
		key := Key(arn)
		if other, taken := callers[key]; taken && other != arn {
			return nil, fmt.Errorf("give %s the access key %s: %s has it already", arn, key, other)
		}
		callers[key] = arn
	}
	return callers, nil
}

// Key returns the access key of an ARN: the account of a root user, whose ARN ends in ":root", and otherwise the last
// part of the ARN.
func Key(arn string) string {
	if account, isRoot := strings.CutSuffix(arn, ":root"); isRoot {
		arn = account
	}
	return arn[strings.LastIndexAny(arn, "/:")+1:]
}

// ARN returns the ARN of an access key. Any 12 digits are the root user of that account, so that refusals across
// accounts can be tried.
func (c Callers) ARN(key string) (arn string, ok bool) {
	if arn, ok = c[key]; ok {
		return arn, true
	}
	if len(key) != 12 || strings.Trim(key, "0123456789") != "" {
		return "", false
	}
	return "arn:aws:iam::" + key + ":root", true
}
