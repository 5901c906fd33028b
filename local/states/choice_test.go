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
		{`{"Variable":"$.s","StringEqualsPath":"$.s"}`, true},
		{`{"Variable":"$.s","StringEqualsPath":"$.n"}`, false},
		{`{"Variable":"$.s","StringLessThan":"fop"}`, true},
		{`{"Variable":"$.s","StringLessThanPath":"$.S"}`, true},
		{`{"Variable":"$.s","StringGreaterThan":"fop"}`, false},
		{`{"Variable":"$.s","StringGreaterThanPath":"$.S"}`, false},
		{`{"Variable":"$.s","StringLessThanEquals":"foo.log"}`, true},
		{`{"Variable":"$.s","StringLessThanEqualsPath":"$.s"}`, true},
		{`{"Variable":"$.s","StringGreaterThanEquals":"foo.log"}`, true},
		{`{"Variable":"$.s","StringGreaterThanEqualsPath":"$.S"}`, false},
		{`{"Variable":"$.s","StringMatches":"foo*.log"}`, true},
		{`{"Variable":"$.s","StringMatches":"*.txt"}`, false},
		{`{"Variable":"$.s","StringMatches":"foo?log"}`, false},
		{`{"Variable":"$.star","StringMatches":"a\\*b"}`, true},
		{`{"Variable":"$.s","StringMatches":"foo\\*"}`, false},
		{`{"Variable":"$.n","StringMatches":"*"}`, false},
		{`{"Variable":"$.n","NumericEquals":5}`, true},
		{`{"Variable":"$.n","NumericEqualsPath":"$.m"}`, true},
		{`{"Variable":"$.s","NumericEquals":5}`, false},
		{`{"Variable":"$.n","NumericLessThan":5.5}`, true},
		{`{"Variable":"$.neg","NumericLessThanPath":"$.n"}`, true},
		{`{"Variable":"$.n","NumericGreaterThan":5}`, false},
		{`{"Variable":"$.n","NumericGreaterThanPath":"$.neg"}`, true},
		{`{"Variable":"$.n","NumericLessThanEquals":5}`, true},
		{`{"Variable":"$.n","NumericLessThanEqualsPath":"$.neg"}`, false},
		{`{"Variable":"$.n","NumericGreaterThanEquals":6}`, false},
		{`{"Variable":"$.n","NumericGreaterThanEqualsPath":"$.m"}`, true},
		{`{"Variable":"$.yes","BooleanEquals":true}`, true},
		{`{"Variable":"$.no","BooleanEquals":true}`, false},
		{`{"Variable":"$.n","BooleanEquals":true}`, false},
		{`{"Variable":"$.yes","BooleanEqualsPath":"$.no"}`, false},
		{`{"Variable":"$.t","TimestampEquals":"2016-08-18T19:33:00+02:00"}`, true},
		{`{"Variable":"$.t","TimestampEqualsPath":"$.t2"}`, false},
		{`{"Variable":"$.t","TimestampLessThan":"2016-08-18T17:33:00.1Z"}`, true},
		{`{"Variable":"$.t","TimestampLessThanPath":"$.t2"}`, true},
		{`{"Variable":"$.t","TimestampGreaterThan":"2016-08-18T17:33:00Z"}`, false},
		{`{"Variable":"$.t2","TimestampGreaterThanPath":"$.t"}`, true},
		{`{"Variable":"$.t","TimestampLessThanEquals":"2016-08-18T17:33:00Z"}`, true},
		{`{"Variable":"$.t2","TimestampLessThanEqualsPath":"$.t"}`, false},
		{`{"Variable":"$.t","TimestampGreaterThanEquals":"2016-08-18T17:33:00Z"}`, true},
		{`{"Variable":"$.t","TimestampGreaterThanEqualsPath":"$.t2"}`, false},
		{`{"Variable":"$.s","TimestampEquals":"2016-08-18T17:33:00Z"}`, false},
		{`{"Variable":"$.null","IsNull":true}`, true},
		{`{"Variable":"$.s","IsNull":true}`, false},
		{`{"Variable":"$.s","IsNull":false}`, true},
		{`{"Variable":"$.null","IsPresent":true}`, true},
		{`{"Variable":"$.nope","IsPresent":true}`, false},
		{`{"Variable":"$.nope.deeper","IsPresent":false}`, true},
		{`{"Variable":"$.n","IsNumeric":true}`, true},
		{`{"Variable":"$.s","IsNumeric":true}`, false},
		{`{"Variable":"$.s","IsString":true}`, true},
		{`{"Variable":"$.n","IsString":false}`, true},
		{`{"Variable":"$.no","IsBoolean":true}`, true},
		{`{"Variable":"$.null","IsBoolean":true}`, false},
		{`{"Variable":"$.t2","IsTimestamp":true}`, true},
		{`{"Variable":"$.s","IsTimestamp":true}`, false},
		{`{"Variable":"$$.Execution.Name","StringMatches":"run-*"}`, true},
		{`{"Not":{"Variable":"$.n","NumericEquals":5}}`, false},
		{`{"And":[{"Variable":"$.nope","IsPresent":true},{"Variable":"$.nope","NumericEquals":1}]}`, false},
		{`{"And":[{"Variable":"$.n","NumericEquals":5},{"Not":{"Variable":"$.no","BooleanEquals":true}}]}`, true},
		{`{"Or":[{"Variable":"$.n","NumericEquals":4},{"Variable":"$.n","NumericEquals":5}],"Comment":"c"}`, true},
		{`{"Or":[{"Variable":"$.n","NumericEquals":5},{"Variable":"$.nope","NumericEquals":5}]}`, true},
		{`{"Or":[{"Variable":"$.n","NumericEquals":3},{"And":[{"Variable":"$.yes","BooleanEquals":true},{"Variable":"$.n","NumericEquals":3}]}]}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.condition, func(t *testing.T) {
			t.Parallel()
			p, err := condition(tt.condition)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p(testScope(t, input))
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("condition is %v", got)
			}
		})
	}
}

func condition(text string) (predicate, error) {
	var f fields
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return nil, err
	}
	return compileCondition(f)
}

func TestConditionsOnMissingValuesFail(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"Variable":"$.nope","StringEquals":"x"}`,
		`{"Variable":"$.nope","IsNull":true}`,
		`{"Variable":"$.nope","IsString":false}`,
		`{"Variable":"$.s","StringEqualsPath":"$.nope"}`,
		`{"Not":{"Variable":"$.nope","BooleanEquals":true}}`,
	} {
		p, err := condition(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p(testScope(t, `{"s":"x"}`))
		f, ok := asFailure(err)
		if !ok || f.name != errRuntime || !strings.Contains(f.cause, "Invalid path '$.nope'") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestConditionsRejectedAtLoad(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`,
		`null`,
		`{"Variable":"$.a"}`,
		`{"Variable":"a","IsNull":true}`,
		`{"Variable":"$.a","IsNull":true,"IsString":true}`,
		`{"Variable":"$.a","IsNull":"yes"}`,
		`{"Variable":"$.a","StringEqual":"x"}`,
		`{"Variable":"$.a","StringEquals":5}`,
		`{"Variable":"$.a","NumericEquals":"5"}`,
		`{"Variable":"$.a","TimestampEquals":"yesterday"}`,
		`{"Variable":"$.a","StringMatchesPath":"$.b"}`,
		`{"Variable":"$.a","StringEqualsPath":"b"}`,
		`{"Variable":"$.a","BooleanLessThan":true}`,
		`{"StringEquals":"x"}`,
		`{"And":[]}`,
		`{"And":[{"Variable":"$.a","IsNull":true,"Next":"B"}]}`,
		`{"And":[{"Variable":"$.a","IsNull":true}],"Or":[{"Variable":"$.a","IsNull":true}]}`,
		`{"Not":[]}`,
		`{"Xor":[]}`,
	} {
		if _, err := condition(text); err == nil {
			t.Errorf("condition %s gave no error", text)
		}
	}
}
