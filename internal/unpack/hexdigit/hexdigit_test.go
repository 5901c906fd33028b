package hexdigit_test

import (
	"strconv"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/hexdigit"
)

func TestValue(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		want := -1
		if n, err := strconv.ParseUint(string([]byte{byte(c)}), 16, 8); err == nil {
			want = int(n)
		}
		if got := hexdigit.Value(byte(c)); got != want {
			t.Errorf("Value(%q) = %d, want %d", byte(c), got, want)
		}
	}
}

func TestPair(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want byte
		ok   bool
	}{
		{text: "4Fz", want: 0x4f, ok: true},
		{text: "a0", want: 0xa0, ok: true},
		{text: "a"},
		{text: ""},
		{text: "g0"},
		{text: "0 "},
	} {
		if got, ok := hexdigit.Pair([]byte(tt.text)); got != tt.want || ok != tt.ok {
			t.Errorf("Pair(%q) = %#x, %t, want %#x, %t", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}
