package coverage

import "testing"

// oleTree is a compound file of storages alone; next says which entry stands in
// the i-th.
func oleTree(n int, next func(i int) uint32) []byte {
	const sector, free = 512, 0xffffffff
	dirs := (n + 3) / 4
	fats := (dirs + 127) / 127
	fat := make([]uint32, fats*128)
	for i := range fat {
		switch {
		case i < fats:
			fat[i] = 0xfffffffd
		case i < fats+dirs-1:
			fat[i] = uint32(i + 1)
		case i == fats+dirs-1:
			fat[i] = oleLast
		default:
			fat[i] = free
		}
	}
	head := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 16)...)
	head = append(head, le(uint16(0x3e), uint16(3), uint16(0xfffe), uint16(9), uint16(6), make([]byte, 6), uint32(0),
		uint32(fats), uint32(fats), uint32(0), uint32(4096), uint32(oleLast), uint32(0), uint32(oleLast), uint32(0))...)
	for i := range 109 {
		if i < fats {
			head = append(head, le(uint32(i))...)
		} else {
			head = append(head, le(uint32(free))...)
		}
	}
	var dir []byte
	for i := range dirs * 4 {
		entry := append([]byte("a\x00"), make([]byte, 62)...)
		entry = append(entry, le(uint16(4), byte(1), byte(1), uint32(free), uint32(free), next(i))...)
		dir = append(dir, append(entry, make([]byte, 48)...)...)
	}
	return join(head, le(fat), dir)
}

// A few megabytes must cost neither gigabytes nor the stack.
func TestOLEDirectory(t *testing.T) {
	t.Parallel()
	const n = 40000
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"storages in storages": {oleTree(n, func(i int) uint32 { return uint32(i+1) % n }), "limit-recursion"},
		"a storage in itself":  {oleTree(8, func(int) uint32 { return 0 }), "damaged"},
		"an entry too far":     {oleTree(8, func(i int) uint32 { return uint32(i + 1) }), "damaged"},
		"a few storages":       {oleTree(8, func(i int) uint32 { return [...]uint32{1, 2, 3, oleNone, oleNone, oleNone, oleNone, oleNone}[i] }), "covered"},
		"too many entries":     {oleTree(5000, func(int) uint32 { return oleNone }), "limit-size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Checker{Limits: DefaultLimits()}
			if tt.want == "limit-size" {
				c.Limits.Members = 1000
			}
			if got := check(t, c, tt.content); got != tt.want {
				t.Errorf("coverage says %q, want %q", got, tt.want)
			}
		})
	}
}
