package view

import (
	"slices"
	"testing"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Segment{
		"":                      nil,
		"a b/c.txt":             {{"a b/c.txt", false}},
		"Größe 大小 أهلا":         {{"Größe 大小 أهلا", false}},
		"inv\u202egpj.exe":      {{"inv", false}, {`\u202e`, true}, {"gpj.exe", false}},
		"\u2066x\u2069":         {{`\u2066`, true}, {"x", false}, {`\u2069`, true}},
		"a\nb\tc\r":             {{"a", false}, {`\n`, true}, {"b", false}, {`\t`, true}, {"c", false}, {`\r`, true}},
		"\x1b[2J":               {{`\x1b`, true}, {"[2J", false}},
		"a\u00a0b\u200bc\ufeff": {{"a", false}, {`\u00a0`, true}, {"b", false}, {`\u200b`, true}, {"c", false}, {`\ufeff`, true}},
		"\xff":                  {{`\ufffd`, true}},
		"\U000e0041":            {{`\U000e0041`, true}},
		`\u202e`:                {{`\u202e`, false}},
	} {
		if got := Segments(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	if got, want := Plain("a\u202eb"), `a\u202eb`; got != want {
		t.Errorf("Plain: got %q, want %q", got, want)
	}
}

func TestMiddle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"short", 5, "short"},
		{"abcdefghij", 7, "abcd…ij"},
		{"ääääääääää", 4, "ää…ä"},
	} {
		if got := Middle(test.text, test.n); got != test.want {
			t.Errorf("Middle(%q, %d): got %q, want %q", test.text, test.n, got, test.want)
		}
	}
}
