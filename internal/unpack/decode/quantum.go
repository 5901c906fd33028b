package decode

import (
	"errors"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Quantum decodes Quantum as cabinets have it: an arithmetic coder with adaptive models,
// in frames of 32 KiB (M. Russotto, "The Quantum compression format").
type Quantum struct {
	in   []byte // the frame
	bit  int    // of in, the next to read
	low  uint16
	high uint16
	code uint16

	ring []byte                         // the last unpacked bytes
	at   int                            // index of the next byte in ring
	left struct{ distance, length int } // of a match, the part that was not copied yet

	selector, lengths model
	literals          [4]model
	distances         [3]model
}

var errQuantum = errors.New("invalid Quantum")

// model has the frequencies of symbols.
type model struct {
	symbols []uint16
	sums    []uint16 // of each symbol and all after it, the frequencies; a 0 at the end
	until   int      // how many times the frequencies are halved before the next sort
}

func newModel(first, count int) model {
	m := model{symbols: make([]uint16, count), sums: make([]uint16, count+1), until: 4}
	for i := range count {
		m.symbols[i], m.sums[i] = uint16(first+i), uint16(count-i)
	}
	return m
}

// NewQuantum decodes with a window of 1<<windowBits bytes, of 10 to 21 bits.
func NewQuantum(windowBits uint) (*Quantum, error) {
	if windowBits < 10 || windowBits > 21 {
		return nil, unpack.Unsupported("Quantum with a window of %d bits", windowBits)
	}
	q := &Quantum{ring: make([]byte, 1<<windowBits), selector: newModel(0, 7), lengths: newModel(0, 27)}
	for i := range q.literals {
		q.literals[i] = newModel(64*i, 64)
	}
	for i, most := range []int{24, 36, 42} {
		q.distances[i] = newModel(0, min(most, 2*int(windowBits)))
	}
	return q, nil
}

// Frame decodes the next frame, which has size bytes unpacked.
func (q *Quantum) Frame(in []byte, size int) ([]byte, error) {
	q.in, q.bit, q.low, q.high = in, 0, 0, 0xffff
	q.code = uint16(q.get(16))
	out := make([]byte, 0, size)
	for len(out) < size {
		if q.left.length == 0 {
			if err := q.symbol(); err != nil {
				return nil, err
			}
		}
		n := min(q.left.length, size-len(out))
		q.left.length -= n
		for range n {
			b := q.ring[(q.at-q.left.distance)&(len(q.ring)-1)]
			out = append(out, b)
			q.ring[q.at] = b
			q.at = (q.at + 1) & (len(q.ring) - 1)
		}
	}
	if q.bit > 8*len(in)+16 { // the zeros after the end were taken for bits
		return nil, errQuantum
	}
	return out, nil
}

// symbol decodes a match, or a literal, which is left as a match of itself.
func (q *Quantum) symbol() error {
	kind := q.decode(&q.selector)
	if kind < 4 {
		b := byte(q.decode(&q.literals[kind]))
		q.ring[q.at] = b
		q.left.distance, q.left.length = 0, 1
		return q.overrun()
	}
	length := kind - 1 // 3 or 4
	if kind == 6 {
		slot := q.decode(&q.lengths)
		base, extra := quantumLength(slot)
		length = base + int(q.get(extra)) + 5
	}
	slot := q.decode(&q.distances[kind-4])
	base, extra := slot, uint(0)
	if slot >= 4 {
		extra = uint(slot)/2 - 1
		base = (2 + slot&1) << extra
	}
	q.left.distance, q.left.length = base+int(q.get(extra))+1, length
	if q.left.distance > len(q.ring) {
		return errQuantum
	}
	return q.overrun()
}

// overrun is an error if far more bits were taken than there are.
func (q *Quantum) overrun() error {
	if q.bit > 8*len(q.in)+64 {
		return errQuantum
	}
	return nil
}

// quantumLength is the smallest length of a slot, and the number of extra bits.
func quantumLength(slot int) (base int, extra uint) {
	switch {
	case slot < 6:
		return slot, 0
	case slot == 26:
		return 254, 0
	}
	extra = uint(slot-2) / 4
	return (4+(slot-2)%4)<<extra - 2, extra
}

// decode decodes a symbol and adds to its frequency.
func (q *Quantum) decode(m *model) int {
	span := uint32(q.high-q.low) + 1
	total := uint32(m.sums[0])
	want := (uint32(q.code-q.low+1)*total - 1) / span
	i := 1
	for ; i < len(m.symbols) && uint32(m.sums[i]) > want; i++ {
	}
	symbol := m.symbols[i-1]
	q.high = q.low + uint16(uint32(m.sums[i-1])*span/total-1)
	q.low += uint16(uint32(m.sums[i]) * span / total)
	for j := range i {
		m.sums[j] += 8
	}
	if m.sums[0] > 3800 {
		m.age()
	}
	for {
		if (q.low^q.high)&0x8000 != 0 {
			if q.low&0x4000 == 0 || q.high&0x4000 != 0 {
				break
			}
			q.code ^= 0x4000
			q.low &= 0x3fff
			q.high |= 0x4000
		}
		q.low, q.high, q.code = q.low<<1, q.high<<1|1, q.code<<1|uint16(q.get(1))
	}
	return int(symbol)
}

// age halves the frequencies. Every 50th time, it also sorts the symbols by frequency.
func (m *model) age() {
	last := len(m.symbols)
	if m.until--; m.until > 0 {
		for i := last - 1; i >= 0; i-- {
			m.sums[i] = max(m.sums[i]>>1, m.sums[i+1]+1)
		}
		return
	}
	m.until = 50
	type counted struct{ symbol, count uint16 }
	all := make([]counted, last)
	for i := range all {
		all[i] = counted{m.symbols[i], (m.sums[i] - m.sums[i+1] + 1) >> 1}
	}
	for i := range all { // a sort whose order among equals is a part of the format
		for j := i + 1; j < last; j++ {
			if all[i].count < all[j].count {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	for i, c := range slices.Backward(all) {
		m.symbols[i], m.sums[i] = c.symbol, c.count+m.sums[i+1]
	}
}

// get reads a number of n bits, with zeros after the end.
func (q *Quantum) get(n uint) uint {
	v := uint(0)
	for range n {
		v <<= 1
		if at := q.bit >> 3; at < len(q.in) {
			v |= uint(q.in[at]>>(7-q.bit&7)) & 1
		}
		q.bit++
	}
	return v
}
