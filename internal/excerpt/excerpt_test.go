package excerpt

import "testing"

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{text: "abc", n: 3, want: "abc"},
		{text: "abc", n: 2, want: "ab"},
		{text: "abc", n: 0, want: ""},
		{text: "abc", n: -1, want: ""},
		{text: "", n: -1, want: ""},
		{text: "aß", n: 2, want: "a"},
		{text: "a€b", n: 3, want: "a"},
		{text: "a€b", n: 4, want: "a€"},
	} {
		if got := Cut(tt.text, tt.n); got != tt.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{text: "no space\n\tleft", n: 20, want: "no spaceleft"},
		{text: "\x1b[31mred\x7f", n: 20, want: "[31mred"},
		{text: "a\xffb", n: 20, want: "ab"},
		{text: "abcß", n: 4, want: "abc"},
	} {
		if got := Line(tt.text, tt.n); got != tt.want {
			t.Errorf("Line(%q, %d) = %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}
