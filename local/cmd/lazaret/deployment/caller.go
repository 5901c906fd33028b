package deployment

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// IsCaller reports whether the ARN that a policy names is that of the caller. The ARN of an assumed role lacks the
// role's path, so the role's name decides.
func IsCaller(named, caller string) bool { return named == caller || sameRole(named, caller) }

// sameRole reports whether a session is of a role: it compares arn:aws:iam::1:role/path/name with
// arn:aws:sts::1:assumed-role/name/session.
func sameRole(role, session string) bool {
	a, errA := arn.Parse(role)
	b, errB := arn.Parse(session)
	if errA != nil || errB != nil || a.AccountID != b.AccountID {
		return false
	}
	parts := strings.Split(b.Resource, "/")
	return strings.HasPrefix(a.Resource, "role/") && len(parts) > 1 && parts[0] == "assumed-role" &&
		a.Resource[strings.LastIndexByte(a.Resource, '/')+1:] == parts[1]
}
