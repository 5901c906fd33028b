package logs

import (
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	const line = `{"time":"2026-11-28T22:47:30Z","level":"ERROR","function":"dispatch","swept":2,"slashes":"a\/b","record":{"status":"timeout"},"msg":"canary missed"}`
	tests := []struct {
		pattern string
		want    bool
	}{
		{"", true},
		{"canary", true},
		{`"canary missed"`, true},
		{`"missed canary"`, false},
		{"canary ERROR", true},
		{"canary WARN", false},
		{`{ $.function = "dispatch" && $.level = "ERROR" }`, true},
		{`{$.function="dispatch"}`, true},
		{`{ $.function = dis* }`, true},
		{`{ $.function = d*p*h }`, true},
		{`{ $.function = *patch }`, true},
		{`{ $.function = dispatch*h }`, false},
		{`{ $.function = p*h }`, false},
		{`{ $.function != d*h }`, false},
		{`{ $.time = "2026-11-28T*Z" && $.function = "dispatch" }`, true},
		{`{ $.swept = 2.0 }`, true},
		{`{ $.slashes = "a/b" }`, true},
		{`{ $.slashes = "a/b" || $.function = "none" }`, true},
		{`{ $.function = "fetch" && $.level = "ERROR" }`, false},
		{`{ $.function = "fetch" || $.level = "ERROR" }`, true},
		{`{ $.swept > 0 }`, true},
		{`{ $.swept > 2 }`, false},
		{`{ $.swept != 3 }`, true},
		{`{ $.level > 0 }`, false},
		{`{ $.record.status != "success" }`, true},
		{`{ $.record.none != "success" }`, false},
		{`{ $.none.status = "success" }`, false},
	}
	for _, tt := range tests {
		wanted, err := parse(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if got := wanted.wants([]byte(line)); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.pattern, got, tt.want)
		}
	}
	if wanted, err := parse(`{ $.level = "ERROR" }`); err != nil || wanted.wants([]byte("no JSON ERROR")) {
		t.Errorf("got %v, want no error and no match of a line that is no JSON", err)
	}
	for _, text := range []string{`{ $.a = 1`, `{ ($.a = 1) }`, `{ $.a IS NULL }`, `{ $.a < 1 }`, `[a, b]`, `%x%`, `-a`, `?a ?b`} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), "pattern") {
			t.Errorf("%s: %v, want an error about the pattern", text, err)
		}
	}
}
