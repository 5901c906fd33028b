package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

func TestNewCallers(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::000000000000:role/"
	tests := []struct {
		name     string
		readers  string
		reader   string
		want     map[string]string // without the user and the functions' roles
		conflict string
	}{
		{name: "none", want: map[string]string{}},
		{
			name: "readers", readers: role + "a, arn:aws:iam::111122223333:user/team/b", reader: role + "c",
			want: map[string]string{"a": role + "a", "b": "arn:aws:iam::111122223333:user/team/b", "c": role + "c"},
		},
		{
			name: "another account's root", readers: "arn:aws:iam::111122223333:root",
			want: map[string]string{"111122223333": "arn:aws:iam::111122223333:root"},
		},
		{
			name:    "one in both parameters",
			readers: role + "a",
			reader:  role + "a",
			want:    map[string]string{"a": role + "a"},
		},
		{name: "two with one key", readers: role + "a", reader: "arn:aws:iam::000000000000:user/a", conflict: "user/a"},
		{
			name: "a reader with a function's key", reader: "arn:aws:iam::111122223333:role/st-TagRole",
			conflict: "st-TagRole: " + role + "st-TagRole has it already",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := NewCallers(&template.Application{
				Functions:  []template.Function{{RoleARN: role + "st-TagRole"}, {RoleARN: role + "st-TagRole"}},
				Parameters: map[string]string{"TrustedReaderArns": test.readers, "QuarantineReaderArn": test.reader},
			})
			if test.conflict != "" {
				if err == nil || !strings.Contains(err.Error(), test.conflict) {
					t.Errorf("error: got %v, want one about %s", err, test.conflict)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			test.want["test"], test.want["st-TagRole"] = UserARN, role+"st-TagRole"
			if diff := cmp.Diff(Callers(test.want), got); diff != "" {
				t.Errorf("callers (-want +got):\n%s", diff)
			}
		})
	}
}
