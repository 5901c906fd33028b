package zip_test

import (
	"bytes"
	"math/bits"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// bitWriter writes bits, beginning with the lowest bit of each byte.
type bitWriter struct {
	out []byte
	n   uint
}

func (b *bitWriter) put(v uint, n uint) {
	for i := range n {
		if b.n%8 == 0 {
			b.out = append(b.out, 0)
		}
		b.out[b.n/8] |= byte(v>>i&1) << (b.n % 8)
		b.n++
	}
}

// shrunk packs as PKZIP's method 1. Once all codes are taken, it frees those that no
// other code is an extension of.
func shrunk(_ testing.TB, content []byte) []byte {
	type node struct {
		parent int
		c      byte
	}
	const codes = 1 << 13
	var w bitWriter
	width, next, before := uint(9), 257, -1
	nodes, children := map[int]node{}, map[node]int{}
	for len(content) > 0 {
		code, n := int(content[0]), 1
		for ; n < len(content); n++ {
			child, ok := children[node{code, content[n]}]
			if !ok {
				break
			}
			code = child
		}
		for code >= 1<<width {
			w.put(256, width)
			w.put(1, width)
			width++
		}
		w.put(uint(code), width)
		for _, taken := nodes[next]; taken; _, taken = nodes[next] {
			next++
		}
		if before >= 0 {
			nodes[next] = node{before, content[0]}
			children[nodes[next]] = next
		}
		before, content = code, content[n:]
		if len(nodes) < codes-257 {
			continue
		}
		w.put(256, width)
		w.put(2, width)
		parents := map[int]bool{}
		for _, n := range nodes {
			parents[n.parent] = true
		}
		for code, n := range nodes {
			if !parents[code] {
				delete(nodes, code)
				delete(children, n)
			}
		}
		next = 257
	}
	return w.out
}

// run is the longest match for content[at:] in the bytes before it, within limits.
func run(content []byte, at, far, most int) (distance, length int) {
	for d := 1; d <= min(far, at); d++ {
		n := 0
		for n < most && at+n < len(content) && content[at+n] == content[at+n-d] {
			n++
		}
		if n > length {
			distance, length = d, n
		}
	}
	return distance, length
}

// reduced packs as PKZIP's methods 2 to 5, with a factor of 1 to 4.
func reduced(factor uint) func(testing.TB, []byte) []byte {
	return func(_ testing.TB, content []byte) []byte {
		low := 8 - factor
		var bytes []byte
		for at := 0; at < len(content); {
			longest := 1<<low - 1
			d, n := run(content, at, 200<<(factor-1), longest+200)
			if n < 4 {
				if bytes = append(bytes, content[at]); content[at] == 144 {
					bytes = append(bytes, 0)
				}
				at++
				continue
			}
			head := byte((d - 1) >> 8 << low)
			if n-3 < longest {
				bytes = append(bytes, 144, head|byte(n-3))
			} else {
				bytes = append(bytes, 144, head|byte(longest), byte(n-3-longest))
			}
			if bytes[len(bytes)-1] == 0 && n == 3 {
				panic("no run is as short")
			}
			bytes = append(bytes, byte(d-1))
			at += n
		}
		// The followers of a byte are the first twenty that follow it.
		var likely [256][]byte
		before := byte(0)
		index := func(before, c byte) int {
			for i, f := range likely[before] {
				if f == c {
					return i
				}
			}
			return -1
		}
		for _, c := range bytes {
			if index(before, c) < 0 && len(likely[before]) < 20 && before != 'z' {
				likely[before] = append(likely[before], c)
			}
			before = c
		}
		var w bitWriter
		for i := 255; i >= 0; i-- {
			w.put(uint(len(likely[i])), 6)
			for _, c := range likely[i] {
				w.put(uint(c), 8)
			}
		}
		before = 0
		for _, c := range bytes {
			if n := len(likely[before]); n > 0 {
				if i := index(before, c); i >= 0 {
					w.put(0, 1)
					w.put(uint(i), uint(max(1, bits.Len(uint(n-1)))))
					before = c
					continue
				}
				w.put(1, 1)
			}
			w.put(uint(c), 8)
			before = c
		}
		return w.out
	}
}

// lengths are those of a complete code for so many symbols. Most are equal; from one
// symbol on, some are shorter and some up to 16.
func lengths(symbols int, same uint, short int) []uint {
	out := make([]uint, symbols)
	long := symbols - 17 + int(same)
	for i := range out {
		switch {
		case i >= long:
			out[i] = min(same+1+uint(i-long), 16)
		case i >= short && i < short+16-int(same):
			out[i] = same - 1
		default:
			out[i] = same
		}
	}
	return out
}

// imploded packs as PKZIP's method 6, with a window of 8 KiB and three codes, whose
// lengths are 2 to 16 bits here.
func imploded(_ testing.TB, content []byte) []byte {
	var w bitWriter
	// Canonical codes with every bit inverted, the first bit first.
	code := func(lengths []uint) func(int) {
		codes := make([]uint, len(lengths))
		next := uint(0)
		for l := uint(1); l <= 16; l++ {
			for s, length := range lengths {
				if length == l {
					codes[s] = next
					next++
				}
			}
			next <<= 1
		}
		w.put(uint(len(lengths)-1), 8)
		for _, l := range lengths {
			w.put(l-1, 8)
		}
		return func(s int) {
			v := ^bits.Reverse16(uint16(codes[s])) >> (16 - lengths[s])
			w.put(uint(v), lengths[s])
		}
	}
	literal, length, distance := code(lengths(256, 8, 'a')), code(lengths(64, 6, 0)), code(lengths(64, 6, 5))
	for at := 0; at < len(content); {
		d, n := run(content, at, 8<<10, 3+63+255)
		if n < 3 {
			w.put(1, 1)
			literal(int(content[at]))
			at++
			continue
		}
		w.put(0, 1)
		w.put(uint(d-1)&127, 7)
		distance((d - 1) >> 7)
		length(min(n-3, 63))
		if n-3 >= 63 {
			w.put(uint(n-3-63), 8)
		}
		at += n
	}
	return w.out
}

// old are the methods of PKZIP before 2.0.
func old() map[string]func(testing.TB, []byte) []byte {
	method := func(number uint16, pack func(testing.TB, []byte) []byte) func(testing.TB, []byte) []byte {
		return func(t testing.TB, content []byte) []byte {
			out := one(unpacktest.Zipped{Method: number}, pack)(t, content)
			if number == 6 { // flags: the window's size and the number of codes
				out = patch(out, 6, uint16(6))
				out = patch(out, bytes.LastIndex(out, []byte("PK\x01\x02"))+8, uint16(6))
			}
			return out
		}
	}
	return map[string]func(testing.TB, []byte) []byte{
		"shrink": method(1, shrunk), "reduce 1": method(2, reduced(1)), "reduce 4": method(5, reduced(4)),
		"implode": method(6, imploded),
	}
}

func TestOldMethods(t *testing.T) {
	t.Parallel()
	// More codes than there are in shrinking, all bytes, and long runs.
	long := unpacktest.Join(unpacktest.Pages(60<<10), bytes.Repeat([]byte("\x90z"), 300))
	for i := range 2000 {
		long = append(long, byte(i), byte(i>>3))
	}
	long = append(long, eicarText()...)
	for name, pack := range old() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, content := range [][]byte{long, eicarText(), unpacktest.Eicar()} {
				got := unpacktest.Check(t, checker(), pack(t, content), unpacktest.Exact(content))
				if v := unpacktest.Verdict(got); v != unpacktest.Infected {
					t.Errorf("%d bytes: got %+v, want them scanned byte for byte", len(content), got)
				}
			}
			harmless := pack(t, unpacktest.Pages(3000))
			unpacktest.Try(t, formats.All(), []unpacktest.Sample{
				{Name: "harmless", Content: harmless, Want: unpacktest.Clean},
				{Name: "infected", Content: pack(t, eicarText()), Want: unpacktest.Infected},
				{Name: "with a bit flipped", Content: unpacktest.Flipped(harmless, len(harmless)/2), Want: "damaged"},
			})
		})
	}
}
