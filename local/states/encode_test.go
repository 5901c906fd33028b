package states

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEncode compares encode with encoding/json, for values as executions have them and for random ones.
func TestEncode(t *testing.T) {
	t.Parallel()
	values := []any{
		nil, true, false, 7, int64(-8), 1.5, "", json.Number("1e3"), json.Number("0.10"), json.Number(""),
		[]any(nil),
		[]any{},
		map[string]any(nil),
		map[string]any{},
		details{"b": 1, "a": complete},
		struct{ A int }{1},
		map[string]any{"x": []string{"y"}},
		epoch(time.Unix(1, 500_000_000)),
		"<a href=\"x\">&amp;</a>\n\\", "tab\t, return\r, zero\x00, DEL\x7f", "\u2028 und \u2029", "\xff no UTF-8 \xc3", "ä€😀",
		map[string]any{"\"": `{"a":"b\nc"}`, "z": nil, "Z": []any{"x", json.Number("2"), map[string]any{"k": false}}},
	}
	letters := []rune("aZ09 \"\\/<>&\n\t\x00\x1f\x7fé€\u2028😀\ufffd")
	text := func() string {
		var b strings.Builder
		for range rand.IntN(20) {
			b.WriteRune(letters[rand.IntN(len(letters))])
		}
		return b.String()
	}
	for range 2_000 {
		values = append(values, map[string]any{text(): text(), text(): []any{text(), text() + "\xfe"}})
	}
	for _, v := range values {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got, want := encode(v), strings.TrimSuffix(b.String(), "\n"); got != want {
			t.Errorf("encode(%#v) = %s, want %s", v, got, want)
		}
	}
	if got := encode(func() {}); !strings.HasPrefix(got, `"json: unsupported type`) {
		t.Errorf("encode of a function = %s, want the error", got)
	}
}

func TestEncodeEvents(t *testing.T) {
	t.Parallel()
	want := []event{
		{ID: 1, At: now(), Type: "ExecutionStarted", Details: details{"input": `{"a":"<b>"}`, "inputDetails": complete}},
		{ID: 2, Previous: 1, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Type: "TaskStateEntered", Details: details{}},
		{ID: 3, Previous: 2, Type: "TaskFailed", Details: details{"cause": "ä\n", "timeoutInSeconds": json.Number("630")}},
	}
	for n := 1; n <= len(want); n++ {
		var got []event
		d := json.NewDecoder(bytes.NewReader(appendEvents(nil, want[:n])))
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[:n], got); diff != "" {
			t.Errorf("%d events (-want +got):\n%s", n, diff)
		}
	}
}
