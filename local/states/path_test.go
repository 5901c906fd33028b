package states

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := decode([]byte(text))
	if err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return v
}

func TestPathGet(t *testing.T) {
	t.Parallel()
	const input = `{"a":{"b":null,"c-d":1},"list":[1,2,{"k":true}],"big":5497558138880}`
	tests := []struct {
		name, path, want string // want "" when nothing is found
	}{
		{"root", "$", input},
		{"member of a member", "$.a.c-d", `1`},
		{"member of an array", "$.list.k", ""},
		{"null is found", "$.a.b", `null`},
		{"missing member", "$.nope", ""},
		{"member of null", "$.a.b.c", ""},
		{"whole number stays whole", "$.big", `5497558138880`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePath(tt.path)
			if err != nil {
				t.Fatalf("parsePath(%q): %v", tt.path, err)
			}
			v, ok := p.get(parsed(t, input))
			if ok != (tt.want != "") {
				t.Fatalf("get(%q): got found %v, want %v", tt.path, ok, !ok)
			}
			if ok {
				compareJSON(t, encode(v), tt.want)
			}
		})
	}
}

func TestPathsRejectedAtLoad(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`""`, `"a"`, `"@.a"`, `"$a"`, `"$."`, `"$.a."`, `"$.a[0]"`, `"$.a[*]"`, `"$..a"`, `"$['a']"`, `"$.a b"`, `"States.UUID()"`, `"$$.Execution.Id"`, `5`, `null`} {
		if err := new(path).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("path %s: got no error, want one", text)
		}
	}
}

func TestPlacePut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path, input, want string // want "" when it cannot be placed
	}{
		{"discarded", `null`, `{"a":1}`, `{"a":1}`},
		{"whole", `"$"`, `{"a":1}`, `"new"`},
		{"new member", `"$.b"`, `{"a":1}`, `{"a":1,"b":"new"}`},
		{"replaced member", `"$.a"`, `{"a":1}`, `{"a":"new"}`},
		{"objects made on the way", `"$.b.c.d"`, `{"a":1}`, `{"a":1,"b":{"c":{"d":"new"}}}`},
		{"inside an object", `"$.a.c"`, `{"a":{"b":1}}`, `{"a":{"b":1,"c":"new"}}`},
		{"inside a string", `"$.a.b"`, `{"a":"x"}`, ""},
		{"inside null", `"$.a.b"`, `{"a":null}`, ""},
		{"on an array", `"$.a"`, `[1]`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var at place
			if err := json.Unmarshal([]byte(tt.path), &at); err != nil {
				t.Fatalf("read place %s: %v", tt.path, err)
			}
			input := parsed(t, tt.input)
			got, err := at.put(input, "new")
			if (err == nil) != (tt.want != "") {
				t.Fatalf("put at %q: got %v, want an error: %v", tt.path, err, tt.want == "")
			}
			if err == nil {
				compareJSON(t, encode(got), tt.want)
			}
			compareJSON(t, encode(input), tt.input) // the input may be in use elsewhere
		})
	}
}

func compareJSON(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(parsed(t, want), parsed(t, got)); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
}
