package template

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadParameters(t *testing.T) {
	t.Parallel()
	const declared = `
Choice: {Type: String, AllowedValues: [a, 'off'], Default: a}
Count: {Type: Number, MinValue: 0, MaxValue: 10, Default: 3}
Days: {Type: Number, AllowedValues: [1, 7], Default: 7}
Names: {Type: CommaDelimitedList, Default: ''}
Word: {Type: String, AllowedPattern: '[a-z]+', Default: abc}
Subnets: {Type: CommaDelimitedList, Default: 's-1,s-2'}
`
	tests := []struct {
		name      string
		overrides map[string]string
		want      map[string]any // beside the defaults
		errors    []string
	}{
		{name: "defaults", want: map[string]any{}},
		{
			name: "overrides", overrides: map[string]string{"Choice": "off", "Count": "0", "Names": "x, y", "Word": "ab"},
			want: map[string]any{"Choice": "off", "Count": json.Number("0"), "Names": []any{"x", "y"}, "Word": "ab"},
		},
		{name: "unknown name", overrides: map[string]string{"Chioce": "a"}, errors: []string{"Chioce", "Choice, Count"}},
		{
			name:      "value that is not allowed",
			overrides: map[string]string{"Choice": "b"},
			errors:    []string{"Choice", `"b"`, `"a" "off"`},
		},
		{name: "number that is not allowed", overrides: map[string]string{"Days": "2"}, errors: []string{"Days", `"1" "7"`}},
		{name: "below", overrides: map[string]string{"Count": "-1"}, errors: []string{"Count", "least allowed is 0"}},
		{name: "above", overrides: map[string]string{"Count": "11"}, errors: []string{"Count", "most allowed is 10"}},
		{name: "no number", overrides: map[string]string{"Count": "0x1"}, errors: []string{"Count", "want a number"}},
		{
			name:      "pattern holds the whole value",
			overrides: map[string]string{"Word": "ab1"},
			errors:    []string{"Word", "[a-z]+"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			section, err := decode([]byte(declared))
			if err != nil {
				t.Fatal(err)
			}
			given, values, err := readParameters(
				section,
				Options{Parameters: test.overrides, Defaults: map[string]string{"Word": "abc", "Other": "x"}},
			)
			if test.errors != nil {
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range test.errors {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q does not say %q", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"Choice": "a", "Count": json.Number("3"), "Days": json.Number("7"), "Names": []any{""},
				"Word": "abc", "Subnets": []any{"s-1", "s-2"},
			}
			maps.Copy(want, test.want)
			if diff := cmp.Diff(want, values); diff != "" {
				t.Errorf("values differ (-want +got):\n%s", diff)
			}
			for name, v := range test.overrides {
				if given[name] != v {
					t.Errorf("%s is given as %q, want %q", name, given[name], v)
				}
			}
		})
	}
}

func TestReadParametersWithoutDefault(t *testing.T) {
	t.Parallel()
	_, _, err := readParameters(map[string]any{"Needed": map[string]any{"Type": "String"}}, Options{})
	if err == nil || !strings.Contains(err.Error(), "Needed: it has no default") {
		t.Errorf("got error %v, want one that names the parameter", err)
	}
}
