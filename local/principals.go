package local

import (
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/local/s3"
	"github.com/lazaret/lazaret/local/template"
)

// Credentials of a person at the keyboard. Every principal has the same secret:
// nothing here is secret, and what counts is who somebody says they are. What keeps
// web pages out is the guard, not the secret.
const (
	userKey = "test"
	secret  = "test"
	userARN = "arn:aws:iam::" + template.Account + ":user/test"
)

// naming are the parameters that name principals.
var naming = []string{"TrustedReaderArns", "QuarantineReaderArn", "VerifierArns", "UploaderArns", "ReaderArns"}

// principals are all who may sign requests to S3: the person, the role of each
// function, and those that the parameters name.
func principals(app *template.Application) ([]s3.Principal, error) {
	arns := []string{userARN}
	for _, f := range app.Functions {
		arns = append(arns, f.RoleARN)
	}
	for _, parameter := range naming {
		for arn := range strings.SplitSeq(app.Parameters[parameter], ",") {
			if arn = strings.TrimSpace(arn); arn != "" {
				arns = append(arns, arn)
			}
		}
	}
	owners := map[string]string{}
	var all []s3.Principal
	for _, arn := range arns {
		key := accessKey(arn)
		switch owners[key] {
		case arn:
			continue // one role of several functions, or named in several parameters
		case "":
			owners[key] = arn
			all = append(all, s3.Principal{AccessKey: key, Secret: secret, ARN: arn})
		default:
			return nil, fmt.Errorf("give %s an access key: %s has %s already", arn, owners[key], key)
		}
	}
	return all, nil
}

// accessKey is our convention: the last part of the ARN, and the account's
// number for its root user, whose ARN ends in ":root".
func accessKey(arn string) string {
	if account, isRoot := strings.CutSuffix(arn, ":root"); isRoot {
		arn = account
	}
	return arn[strings.LastIndexAny(arn, "/:")+1:]
}

// callers are the ARNs of all who may sign requests, by access key.
type callers map[string]string

func (c callers) arn(key string) (arn string, ok bool) {
	if arn, ok = c[key]; ok {
		return arn, true
	}
	return rootOf(key)
}

// rootOf is the other half of the convention, for accounts that nothing names:
// 12 digits are the root user of that account.
func rootOf(key string) (arn string, ok bool) {
	if len(key) != 12 || strings.Trim(key, "0123456789") != "" {
		return "", false
	}
	return "arn:aws:iam::" + key + ":root", true
}

// stranger makes such a root user known to S3, so that refusals across accounts
// can be tried.
func stranger(key string) (s3.Principal, bool) {
	arn, ok := rootOf(key)
	return s3.Principal{AccessKey: key, Secret: secret, ARN: arn}, ok
}
