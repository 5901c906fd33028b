package states

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	const input = `{"s":"foo.log","star":"a*b","n":5,"m":5.0,"neg":-1,"yes":true,"no":false,"null":null,"t":"2016-08-18T17:33:00Z","t2":"2016-08-18T18:33:00.5+01:00","S":"fop","list":[1]}`
	tests := []struct {
		condition string
		want      bool
	}{
		{`{"Variable":"$.s","StringEquals":"foo.log"}`, true},
		{`{"Variable":"$.s","StringEquals":"Foo.log"}`, false},
		{`{"Variable":"$.n","StringEquals":"5"}`, false},
		{`{"Variable":"$.n","NumericEquals":5}`, true},
		{`{"Variable":"$.s","NumericEquals":5}`, false},
		{`{"Variable":"$.n","NumericLessThan":5.5}`, true},
		{`{"Variable":"$.n","NumericLessThanEquals":5}`, true},
		{`{"Variable":"$.yes","BooleanEquals":true}`, true},
		{`{"Variable":"$.no","BooleanEquals":true}`, false},
		{`{"Variable":"$.n","BooleanEquals":true}`, false},
		{`{"Variable":"$.null","IsPresent":true}`, true},
		{`{"Variable":"$.nope","IsPresent":true}`, false},
		{`{"Variable":"$.nope.deeper","IsPresent":false}`, true},
		{`{"Not":{"Variable":"$.n","NumericEquals":5}}`, false},
		{`{"And":[{"Variable":"$.nope","IsPresent":true},{"Variable":"$.nope","NumericEquals":1}]}`, false},
		{`{"And":[{"Variable":"$.n","NumericEquals":5},{"Not":{"Variable":"$.no","BooleanEquals":true}}]}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.condition, func(t *testing.T) {
			t.Parallel()
			p, err := compiled(tt.condition)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p(parsed(t, input))
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func compiled(text string) (c condition, err error) {
	err = json.Unmarshal([]byte(text), &c)
	return c, err
}

func TestConditionsOnMissingValuesFail(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"Variable":"$.nope","StringEquals":"x"}`,
		`{"Not":{"Variable":"$.nope","BooleanEquals":true}}`,
	} {
		p, err := compiled(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p(parsed(t, `{"s":"x"}`))
		f, ok := asFailure(err)
		if !ok || f.name != errRuntime || !strings.Contains(f.cause, "Invalid path '$.nope'") {
			t.Errorf("%s: got error %v, want States.Runtime about the path", text, err)
		}
	}
}

func TestConditionsRejectedAtLoad(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`,
		`null`,
		`{"Variable":"$.a"}`,
		`{"Variable":"a","IsPresent":true}`,
		`{"Variable":"$.a","IsPresent":true,"StringEquals":"x"}`,
		`{"Variable":"$.a","IsPresent":"yes"}`,
		`{"Variable":"$.a","StringMatches":"x*"}`,
		`{"Variable":"$.a","StringEqualsPath":"$.b"}`,
		`{"And":[{"Variable":"$.a","IsPresent":true,"Next":"B"}]}`,
		`{"And":[{"Variable":"$.a","IsPresent":true}],"Or":[{"Variable":"$.a","IsPresent":true}]}`,
		`{"Variable":"$.a","StringEqual":"x"}`,
		`{"Variable":"$.a","StringEquals":5}`,
		`{"Variable":"$.a","NumericEquals":"5"}`,
		`{"Variable":"$.a","BooleanLessThan":true}`,
		`{"StringEquals":"x"}`,
		`{"And":[]}`,
		`{"Not":[]}`,
		`{"Or":[{"Variable":"$.a","IsPresent":true}]}`,
		`{"Variable":"$$.Execution.Id","StringEquals":"x"}`,
		`{"Variable":"$.a","NumericGreaterThan":1}`,
	} {
		if _, err := compiled(text); err == nil {
			t.Errorf("condition %s: got no error, want one", text)
		}
	}
}
