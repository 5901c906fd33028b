package unpack_test

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// box is a container for the tests of the core: "BOX1", the number of members in
// one byte, and for each its length in four bytes, its content with every bit
// inverted, and its state in one byte.
func box(contents ...[]byte) []byte {
	out := append([]byte("BOX1"), byte(len(contents)))
	for _, c := range contents {
		out = append(out, member(c, 0)...)
	}
	return out
}

func member(content []byte, state byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	for _, b := range content {
		out = append(out, ^b)
	}
	return append(out, state)
}

// inverted are the bytes that stand in a box for a member with this content.
func inverted(content []byte) []byte {
	m := member(content, 0)
	return m[4 : len(m)-1]
}

// States of a member; 0 is one that can be read.
const (
	locked = 1 // encrypted
	broken = 2 // its decoder fails after half of it
	torn   = 3 // its decoder panics
)

// boxWith is a box of one member in a state, and another that can be read.
func boxWith(state byte, first, second []byte) []byte {
	return unpacktest.Join([]byte("BOX1\x02"), member(first, state), member(second, 0))
}

var errBroken = errors.New("broken")

func walkBox(v *unpack.Visitor, c unpack.Content) error {
	var head [5]byte
	if err := c.Fill(head[:], 0); err != nil {
		return err
	}
	at := int64(len(head))
	for range head[4] {
		var length [4]byte
		if err := c.Fill(length[:], at); err != nil {
			return err
		}
		at += int64(len(length))
		size := int64(binary.BigEndian.Uint32(length[:]))
		var state [1]byte
		if err := c.Fill(state[:], at+size); err != nil {
			return err
		}
		if state[0] == locked {
			if err := v.Refuse(unpack.Encrypted("a member of a box")); err != nil {
				return err
			}
		} else if err := v.Stream("member", &turned{r: c.Section(at, size), left: size, state: state[0]}); err != nil {
			return err
		}
		at += size + 1
	}
	v.End(at)
	return nil
}

// turned inverts bits, and fails as the state says.
type turned struct {
	r     io.Reader
	left  int64
	state byte
}

func (d *turned) Read(p []byte) (int, error) {
	half := d.left / 2
	if d.state != 0 && half > 0 {
		p = p[:min(int64(len(p)), half)]
	}
	n, err := d.r.Read(p)
	for i := range p[:n] {
		p[i] = ^p[i]
	}
	if d.state == torn {
		panic("torn")
	}
	if d.state == broken && err == nil {
		err = errBroken
	}
	return n, err
}

func boxFormat() unpack.Format {
	f := unpack.Format{
		Name: "box", Magics: []unpack.Magic{{Text: "BOX"}}, Whole: true, Walk: walkBox,
		Match: func(_ unpack.Content, head []byte) bool { return len(head) > 4 && head[3] == '1' },
	}
	f.Marks = []unpack.Mark{{Text: "BOX1", Open: func(v *unpack.Visitor, at int64) (int64, error) {
		return v.Embedded(f, at)
	}}}
	return f
}

// hugeFormat is a container of as many zeros as its header says, and a second member.
func hugeFormat() unpack.Format {
	return unpack.Format{
		Name: "huge", Magics: []unpack.Magic{{Text: "HUGE"}},
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			var size [8]byte
			if err := c.Fill(size[:], 4); err != nil {
				return err
			}
			zeros := io.LimitReader(zeros{}, int64(binary.BigEndian.Uint64(size[:])))
			if err := v.Stream("zeros", zeros); err != nil {
				return err
			}
			return v.Region("rest", 12, c.Size()-12)
		},
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func huge(size uint64, rest []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte("HUGE"), size), rest...)
}

// costlyFormat is one that the engine must not be given as a whole.
func costlyFormat() unpack.Format {
	return unpack.Format{
		Name: "costly", Magics: []unpack.Magic{{Text: "COST"}}, Whole: true,
		Costly: func(unpack.Content) error { return unpack.TooMany("a costly file") },
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			if err := v.Region("member", 4, 500); err != nil {
				return err
			}
			v.End(504)
			return nil
		},
	}
}

// trialFormat is one that is read in a trial.
func trialFormat() unpack.Format {
	return unpack.Format{
		Name: "trial", Magics: []unpack.Magic{{Text: "TRY"}}, Whole: true,
		Walk: func(v *unpack.Visitor, c unpack.Content) error {
			return v.Guess(func() error { return v.Region("member", 3, c.Size()-3) })
		},
	}
}

func toys() unpack.Formats {
	return unpack.NewFormats(boxFormat(), hugeFormat(), costlyFormat(), trialFormat())
}

func TestConformanceOfToys(t *testing.T) {
	t.Parallel()
	// Conform needs formats that are not known here, such as zip.
	pack := func(_ testing.TB, b []byte) []byte { return box(b) }
	for name, payload := range map[string][]byte{"EICAR": unpacktest.Eicar(), "large": unpacktest.Pages(5 << 20)} {
		got := unpacktest.Check(t, unpack.Checker{Formats: toys()}, pack(t, payload), unpacktest.Exact(payload))
		if got.Outcome != unpack.Found {
			t.Errorf("%s: got %+v, want it scanned byte for byte", name, got)
		}
	}
	if bounded.Ended(errBroken) {
		t.Error("a decoder's error is an orderly end")
	}
}
