package decode

import (
	"bytes"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// words writes bits to words of 16 bits, whose lower byte comes first.
type words struct {
	out  []byte
	held uint64
	have uint
}

func (w *words) put(v, n int) {
	w.held, w.have = w.held<<n|uint64(v), w.have+uint(n)
	for w.have >= 16 {
		w.have -= 16
		v := w.held >> w.have
		w.out = append(w.out, byte(v), byte(v>>8))
	}
}

func (w *words) align() {
	if w.have > 0 {
		w.put(0, int(16-w.have))
	}
}

// canonical are the codes of symbols with these lengths.
func canonical(lengths []byte) []int {
	codes, next := make([]int, len(lengths)), 0
	for length := byte(1); length <= maxLength; length++ {
		next <<= 1
		for s, l := range lengths {
			if l == length {
				codes[s] = next
				next++
			}
		}
	}
	return codes
}

// packLZX packs frames with a window of 15 bits, in one block of a type. Its codes are
// complete, and have nearly equal lengths for all symbols.
func packLZX(kind int, intel int, content []byte) [][]byte {
	main, length := make([]byte, 256+240), make([]byte, lzxLengths)
	for i := range main {
		main[i] = 9
	}
	for i := 256 + 224; i < len(main); i++ {
		main[i] = 8
	}
	for i := range length {
		length[i] = 8
	}
	for i := range 7 {
		length[i] = 7
	}
	var w words
	if intel == 0 {
		w.put(0, 1)
	} else {
		w.put(1, 1)
		w.put(intel>>16, 16)
		w.put(intel&0xffff, 16)
	}
	w.put(kind, 3)
	w.put(len(content)>>16, 8)
	w.put(len(content)&0xffff, 16)
	if kind == lzxAligned {
		for range 8 {
			w.put(3, 3)
		}
	}
	for _, lengths := range [][]byte{main[:256], main[256:], length} {
		for i := range 20 { // a code of four symbols: lengths of 9, 8, 7 and 6
			w.put(map[bool]int{true: 2}[i >= 8 && i <= 11], 4)
		}
		for _, l := range lengths {
			w.put(9-int(l), 2)
		}
	}
	mainCodes, lengthCodes := canonical(main), canonical(length)
	var frames [][]byte
	for at, end := 0, 0; at < len(content); {
		if at == end {
			end = min(end+lzxFrame, len(content))
		}
		const least = 20
		from := -1
		if at+least <= end && at > 0 {
			from = bytes.LastIndex(content[max(0, at-2000):at], content[at:at+least])
		}
		if from < 0 {
			w.put(mainCodes[content[at]], 9)
			at++
		} else {
			distance := at - from - max(0, at-2000)
			slot := 3
			for base, extra := lzxSlot(slot + 1); base-2 <= distance; base, extra = lzxSlot(slot + 1) {
				_ = extra
				slot++
			}
			base, extra := lzxSlot(slot)
			symbol := 256 + slot<<3 + 7
			w.put(mainCodes[symbol], int(main[symbol]))
			w.put(lengthCodes[least-9], int(length[least-9]))
			if kind == lzxAligned && extra >= 3 {
				w.put((distance-base+2)>>3, int(extra-3))
				w.put((distance-base+2)&7, 3)
			} else {
				w.put(distance-base+2, int(extra))
			}
			at += least
		}
		if at == end {
			w.align()
			frames = append(frames, w.out)
			w.out = nil
		}
	}
	return frames
}

func TestLZX(t *testing.T) {
	t.Parallel()
	content := unpacktest.Pages(70 << 10)
	for name, kind := range map[string]int{"verbatim": lzxVerbatim, "aligned": lzxAligned} {
		z, err := NewLZX(15)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for _, frame := range packLZX(kind, 0, content) {
			part, err := z.Frame(frame, min(lzxFrame, len(content)-len(got)))
			if err != nil {
				t.Fatalf("%s: Frame() = %v after %d bytes", name, err, len(got))
			}
			got = append(got, part...)
		}
		if !bytes.Equal(got, content) {
			t.Errorf("%s: got %d other bytes, want the %d that were packed", name, len(got), len(content))
		}
	}
}

// TestLZXCalls checks that absolute addresses of calls become relative again.
func TestLZXCalls(t *testing.T) {
	t.Parallel()
	packed := append(bytes.Repeat([]byte{0x90}, 100), 0xe8, 200, 0, 0, 0, 0xe8, 0xff, 0xff, 0xff, 0xff)
	packed = append(packed, make([]byte, 20)...)
	want := bytes.Clone(packed)
	copy(want[101:], "\x64\x00\x00\x00") // 200 - 100
	copy(want[106:], "\xff\x0f\x00\x00") // -1 + 4096
	z, err := NewLZX(15)
	if err != nil {
		t.Fatal(err)
	}
	got, err := z.Frame(packLZX(lzxVerbatim, 4096, packed)[0], len(packed))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v, want %x", got, err, want)
	}
}

// TestLZXHostile checks that invalid bytes end with an error or a frame of the right
// size.
func TestLZXHostile(t *testing.T) {
	t.Parallel()
	frame := packLZX(lzxAligned, 0, unpacktest.Pages(1000))[0]
	for at := range frame {
		for _, b := range [][]byte{frame[:at], unpacktest.Flipped(frame, at)} {
			z, err := NewLZX(15)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := z.Frame(b, 1000); err == nil && len(got) != 1000 {
				t.Errorf("byte %d: got %d bytes of %d packed ones, want 1000 or an error", at, len(got), len(b))
			}
		}
	}
}
