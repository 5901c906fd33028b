package sandbox

import "testing"

func TestMapped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"         0          0 4294967295\n":          true,
		"0 1000 1\n1 100000 65536\n":                  false,
		"0 0 2100000000\n":                            false,
		"0 1000 1\n2000000000 3000000000 200000000\n": true,
		"": false,
	} {
		if got := mapped(text, 2_100_000_000, 2_147_000_000); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
