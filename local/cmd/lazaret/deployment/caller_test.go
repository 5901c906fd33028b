package deployment_test

import (
	"testing"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

func TestIsCaller(t *testing.T) {
	t.Parallel()
	const session = "arn:aws:sts::111122223333:assumed-role/reader/me"
	for name, tt := range map[string]struct {
		named, caller string
		want          bool
	}{
		"a user":          {"arn:aws:iam::111122223333:user/a", "arn:aws:iam::111122223333:user/a", true},
		"a session":       {"arn:aws:iam::111122223333:role/reader", session, true},
		"a role's path":   {"arn:aws:iam::111122223333:role/team/reader", session, true},
		"another role":    {"arn:aws:iam::111122223333:role/writer", session, false},
		"another account": {"arn:aws:iam::444455556666:role/reader", session, false},
		"no ARN":          {"reader", session, false},
	} {
		if got := deployment.IsCaller(tt.named, tt.caller); got != tt.want {
			t.Errorf("%s: IsCaller(%s, %s) = %t, want %t", name, tt.named, tt.caller, got, tt.want)
		}
	}
}
