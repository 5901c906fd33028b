package ole_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// oleTree returns a compound file of n storages. next returns the child of the i-th.
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
			fat[i] = uint32(0xfffffffe)
		default:
			fat[i] = free
		}
	}
	head := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 16)...)
	head = append(
		head,
		unpacktest.LE(uint16(0x3e), uint16(3), uint16(0xfffe), uint16(9), uint16(6), make([]byte, 6), uint32(0),
			uint32(fats), uint32(fats), uint32(0), uint32(4096), uint32(0xfffffffe), uint32(0), uint32(0xfffffffe),
			uint32(0))...)
	for i := range 109 {
		if i < fats {
			head = append(head, unpacktest.LE(uint32(i))...)
		} else {
			head = append(head, unpacktest.LE(uint32(free))...)
		}
	}
	var dir []byte
	for i := range dirs * 4 {
		entry := append([]byte("a\x00"), make([]byte, 62)...)
		entry = append(entry, unpacktest.LE(uint16(4), byte(1), byte(1), uint32(free), uint32(free), next(i))...)
		dir = append(dir, append(entry, make([]byte, 48)...)...)
	}
	return unpacktest.Join(head, unpacktest.LE(fat), dir)
}

// TestDirectory checks that a directory of a few megabytes costs neither gigabytes of
// memory nor a stack overflow.
func TestDirectory(t *testing.T) {
	t.Parallel()
	const n, none = 40000, 0xffffffff
	few := [...]uint32{1, 2, 3, none, none, none, none, none}
	for name, tt := range map[string]struct {
		content []byte
		members int
		want    string
	}{
		"storages in storages": {content: oleTree(n, func(i int) uint32 { return uint32(i+1) % n }), want: "limit-recursion"},
		"storage in itself":    {content: oleTree(8, func(int) uint32 { return 0 }), want: "damaged"},
		"missing entry":        {content: oleTree(8, func(i int) uint32 { return uint32(i + 1) }), want: "damaged"},
		"few storages":         {content: oleTree(8, func(i int) uint32 { return few[i] }), want: unpacktest.Clean},
		"too many entries": {
			content: oleTree(5000, func(int) uint32 { return none }), members: 1000,
			want: "limit-files",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := unpack.Checker{Formats: formats.All(), Limits: unpack.DefaultLimits()}
			if tt.members > 0 {
				c.Limits.Members = tt.members
			}
			if got := unpacktest.Verdict(unpacktest.Check(t, c, tt.content, unpacktest.FindsNothing)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
