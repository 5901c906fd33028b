package states

import (
	"regexp"
	"strings"
	"testing"
)

func TestIntrinsics(t *testing.T) {
	t.Parallel()
	const input = `{"name":"a'b","n":7,"f":2.5,"list":[1,2,2,"x",{"k":[1]},{"k":[1]}],"o":{"a":1,"b":2},"json":"{\"z\":[1]}","empty":[],"key":"list"}`
	tests := []struct {
		call, want string
	}{
		{`States.Format('hello')`, `"hello"`},
		{`States.Format('{} is {} of {}', $.name, $.n, $.o)`, `"a'b is 7 of {\"a\":1,\"b\":2}"`},
		{`States.Format('\{\} and \'{}\' and \\', $.f)`, `"{} and '2.5' and \\"`},
		{`States.Format('{}{}', true, null)`, `"truenull"`},
		{`States.StringToJson($.json)`, `{"z":[1]}`},
		{`States.JsonToString($.o)`, `"{\"a\":1,\"b\":2}"`},
		{`States.Array()`, `[]`},
		{`States.Array('a', 1, -2.5, $.n, States.Array(true))`, `["a",1,-2.5,7,[true]]`},
		{`States.ArrayPartition(States.Array(1,2,3,4,5), 2)`, `[[1,2],[3,4],[5]]`},
		{`States.ArrayPartition($.empty, 2)`, `[]`},
		{`States.ArrayContains($.list, 'x')`, `true`},
		{`States.ArrayContains($.list, 3)`, `false`},
		{`States.ArrayRange(1, 9, 2)`, `[1,3,5,7,9]`},
		{`States.ArrayRange(3, 1, -1)`, `[3,2,1]`},
		{`States.ArrayGetItem($.list, 3)`, `"x"`},
		{`States.ArrayLength($.list)`, `6`},
		{`States.ArrayUnique($.list)`, `[1,2,"x",{"k":[1]}]`},
		{`States.Base64Encode('Data to encode')`, `"RGF0YSB0byBlbmNvZGU="`},
		{`States.Base64Decode('RGVjb2RlZCBkYXRh')`, `"Decoded data"`},
		{`States.Hash('input data', 'SHA-1')`, `"aaff4a450a104cd177d28d18d74485e8cae074b7"`},
		{`States.Hash('', 'MD5')`, `"d41d8cd98f00b204e9800998ecf8427e"`},
		{`States.Hash('abc', 'SHA-256')`, `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{`States.Hash('abc', 'SHA-384')`, `"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"`},
		{`States.JsonMerge($.o, States.StringToJson('{"b":3}'), false)`, `{"a":1,"b":3}`},
		{`States.MathRandom(5, 6)`, `5`},
		{`States.MathAdd($.n, -1)`, `6`},
		{`States.StringSplit('1,2,3', ',')`, `["1","2","3"]`},
		{`States.StringSplit('This.is+a,,test=string', '.+,=')`, `["This","is","a","test","string"]`},
		{`States.Format('{}', $['o']['a'])`, `"1"`},
		{`States.ArrayLength($.list[?(@.k)])`, `2`},
		{` States.Format( '{}' , $$.Execution.Name ) `, `"run-1"`},
	}
	for _, tt := range tests {
		t.Run(tt.call, func(t *testing.T) {
			t.Parallel()
			e, err := compileIntrinsic(tt.call)
			if err != nil {
				t.Fatal(err)
			}
			v, err := e(testScope(t, input))
			if err != nil {
				t.Fatal(err)
			}
			compareJSON(t, encode(v), tt.want)
		})
	}
}

func TestUUID(t *testing.T) {
	t.Parallel()
	e, err := compileIntrinsic("States.UUID()")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := e(nil)
	b, _ := e(nil)
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(a.(string)) || a == b {
		t.Errorf("UUIDs %v and %v", a, b)
	}
}

func TestSeededRandomRepeats(t *testing.T) {
	t.Parallel()
	e, err := compileIntrinsic("States.MathRandom(0, 1000000, 42)")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := e(nil)
	b, _ := e(nil)
	if a != b {
		t.Errorf("same seed gave %v and %v", a, b)
	}
}

func TestIntrinsicFailures(t *testing.T) {
	t.Parallel()
	tests := []struct{ call, name, cause string }{
		{`States.Format('{} {}', 1)`, errIntrinsic, "more {} than"},
		{`States.Format('{}', 1, 2)`, errIntrinsic, "fewer {} than"},
		{`States.Format('{}', $.nope)`, errParameterPath, "'$.nope' specified for the field '$.nope'"},
		{`States.StringToJson('{')`, errIntrinsic, "States.StringToJson('{')"},
		{`States.StringToJson(5)`, errIntrinsic, "argument 1"},
		{`States.ArrayGetItem(States.Array(1), 1)`, errIntrinsic, "index 1"},
		{`States.ArrayGetItem(States.Array(1), -1)`, errIntrinsic, "index -1"},
		{`States.ArrayPartition(States.Array(1), 0)`, errIntrinsic, "not positive"},
		{`States.ArrayRange(1, 2000, 1)`, errIntrinsic, "1000"},
		{`States.ArrayRange(1, 2, 0)`, errIntrinsic, "zero"},
		{`States.ArrayLength('x')`, errIntrinsic, "argument 1"},
		{`States.Base64Decode('!')`, errIntrinsic, "illegal"},
		{`States.Hash('x', 'SHA-3')`, errIntrinsic, "SHA-3"},
		{`States.JsonMerge($, $, true)`, errIntrinsic, "deep"},
		{`States.MathRandom(2, 2)`, errIntrinsic, "less than 2"},
		{`States.MathAdd('x', 2)`, errIntrinsic, "not a number"},
		{`States.StringSplit(1, ',')`, errIntrinsic, "argument 1"},
	}
	for _, tt := range tests {
		t.Run(tt.call, func(t *testing.T) {
			t.Parallel()
			e, err := compileIntrinsic(tt.call)
			if err != nil {
				t.Fatal(err)
			}
			_, err = e(testScope(t, `{}`))
			f, ok := asFailure(err)
			if !ok || f.name != tt.name || !strings.Contains(f.cause, tt.cause) {
				t.Errorf("error %v, want %s with %q", err, tt.name, tt.cause)
			}
		})
	}
}

func TestIntrinsicsRejectedAtLoad(t *testing.T) {
	t.Parallel()
	for _, call := range []string{
		"", "x", "States.Nope()", "States.UUID", "States.UUID(1)", "States.Format()", "States.Format('a", "States.Format('a' 'b')",
		"States.Array(1,", "States.Array([1])", "States.Array(1) x", "States.ArrayLength($.a[)", `States.Format("a")`,
	} {
		if _, err := compileIntrinsic(call); err == nil {
			t.Errorf("compileIntrinsic(%q) gave no error", call)
		}
	}
}
