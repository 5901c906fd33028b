package decode

import "errors"

// Window has the last unpacked bytes, which matches refer back to, and the unpacked
// bytes that were not taken yet.
type Window struct {
	b    []byte // a power of two long
	at   int    // index of the next byte in b
	full bool   // every byte of b was unpacked
	out  []byte // not taken yet
}

// NewWindow has size bytes to refer back to. size is a power of two.
func NewWindow(size int) *Window { return &Window{b: make([]byte, size)} }

// Put adds a byte.
func (w *Window) Put(c byte) {
	w.b[w.at] = c
	w.out = append(w.out, c)
	if w.at = (w.at + 1) & (len(w.b) - 1); w.at == 0 {
		w.full = true
	}
}

// Copy adds length bytes that begin distance bytes before. Bytes before the beginning
// are an error.
func (w *Window) Copy(distance, length int) error {
	if !w.full && distance > w.at {
		return errors.New("refers to bytes before the beginning")
	}
	return w.CopyOrZeros(distance, length)
}

// CopyOrZeros is Copy, but bytes before the beginning are zeros.
func (w *Window) CopyOrZeros(distance, length int) error {
	if distance > len(w.b) {
		return errors.New("refers to bytes before the window")
	}
	for from := w.at - distance; length > 0; length-- {
		w.Put(w.b[from&(len(w.b)-1)])
		from++
	}
	return nil
}

// Pending is the number of bytes that were not taken yet.
func (w *Window) Pending() int { return len(w.out) }

// Taken returns the bytes that were added since the last call. They stay valid until
// the next Put.
func (w *Window) Taken() []byte {
	b := w.out
	w.out = w.out[:0]
	return b
}
