package decode

import (
	"bytes"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// quantumPacker codes symbols with the models of the decoder.
type quantumPacker struct {
	models    *Quantum
	low, high uint16
	pending   int
	coded     []byte // bits
	events    []int  // -1 for a bit of coded, otherwise a bit that is stored as it is
}

func (p *quantumPacker) bit(b byte) {
	p.coded = append(p.coded, b)
	for ; p.pending > 0; p.pending-- {
		p.coded = append(p.coded, 1-b)
	}
}

func (p *quantumPacker) symbol(m *model, symbol int) {
	i := 1
	for int(m.symbols[i-1]) != symbol {
		i++
	}
	span, total := uint32(p.high-p.low)+1, uint32(m.sums[0])
	p.high = p.low + uint16(uint32(m.sums[i-1])*span/total-1)
	p.low += uint16(uint32(m.sums[i]) * span / total)
	for j := range i {
		m.sums[j] += 8
	}
	if m.sums[0] > 3800 {
		m.age()
	}
	for {
		switch {
		case (p.low^p.high)&0x8000 == 0:
			p.bit(byte(p.low >> 15))
		case p.low&0x4000 != 0 && p.high&0x4000 == 0:
			p.pending++
			p.low &= 0x3fff
			p.high |= 0x4000
		default:
			return
		}
		p.low, p.high = p.low<<1, p.high<<1|1
		p.events = append(p.events, -1)
	}
}

// frame ends a frame and returns it.
func (p *quantumPacker) frame() []byte {
	p.pending++
	p.bit(byte(p.low >> 14 & 1))
	p.coded = append(p.coded, make([]byte, 16+len(p.events))...)
	bits, rest := append([]byte{}, p.coded[:16]...), p.coded[16:]
	for _, e := range p.events {
		if e >= 0 {
			bits = append(bits, byte(e))
			continue
		}
		bits, rest = append(bits, rest[0]), rest[1:]
	}
	out := make([]byte, (len(bits)+7)/8)
	for i, b := range bits {
		out[i/8] |= b << (7 - i%8)
	}
	p.low, p.high, p.coded, p.events, p.pending = 0, 0xffff, nil, nil, 0
	return out
}

// match codes a match of 3, 4 or 9 bytes.
func (p *quantumPacker) match(length, distance int) {
	kind := map[int]int{3: 4, 4: 5, 9: 6}[length]
	p.symbol(&p.models.selector, kind)
	if kind == 6 {
		p.symbol(&p.models.lengths, 4)
	}
	distance--
	slot, extra, first := 0, uint(0), 0
	for ; distance >= first+1<<extra; slot++ {
		if first += 1 << extra; slot >= 3 {
			extra = uint(slot+1)/2 - 1
		}
	}
	p.symbol(&p.models.distances[kind-4], slot)
	for ; extra > 0; extra-- {
		p.events = append(p.events, (distance-first)>>(extra-1)&1)
	}
}

// packQuantum packs frames with a window of 15 bits.
func packQuantum(content []byte) [][]byte {
	models, err := NewQuantum(15)
	if err != nil {
		panic(err)
	}
	p := &quantumPacker{models: models, high: 0xffff}
	var frames [][]byte
	for at, end := 0, 0; at < len(content); {
		if at == end {
			end = min(end+32<<10, len(content))
		}
		base, from, length := max(0, at-2000), -1, 0
		for _, length = range []int{9, 4, 3} {
			if from < 0 && at+length <= end {
				if from = bytes.LastIndex(content[base:at], content[at:at+length]); from >= 0 {
					break
				}
			}
		}
		if from >= 0 {
			p.match(length, at-base-from)
			at += length
		} else {
			b := int(content[at])
			p.symbol(&models.selector, b>>6)
			p.symbol(&models.literals[b>>6], b)
			at++
		}
		if at == end {
			frames = append(frames, p.frame())
		}
	}
	return frames
}

func TestQuantum(t *testing.T) {
	t.Parallel()
	content := unpacktest.Pages(70 << 10)
	q, err := NewQuantum(15)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, frame := range packQuantum(content) {
		part, err := q.Frame(frame, min(32<<10, len(content)-len(got)))
		if err != nil {
			t.Fatalf("Frame() = %v after %d bytes", err, len(got))
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, content) {
		t.Errorf("got %d other bytes, want the %d that were packed", len(got), len(content))
	}
}

// TestQuantumHostile checks that invalid bytes end with an error or a frame of the
// right size.
func TestQuantumHostile(t *testing.T) {
	t.Parallel()
	frame := packQuantum(unpacktest.Pages(1000))[0]
	for at := range frame {
		for _, b := range [][]byte{frame[:at], unpacktest.Flipped(frame, at)} {
			q, err := NewQuantum(15)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := q.Frame(b, 1000); err == nil && len(got) != 1000 {
				t.Errorf("byte %d: got %d bytes, want 1000 or an error", at, len(got))
			}
		}
	}
}
