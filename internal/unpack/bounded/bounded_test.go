package bounded_test

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

func TestAnnounced(t *testing.T) {
	t.Parallel()
	const text = "some text"
	sum := crc32.ChecksumIEEE([]byte(text))
	for _, tt := range []struct {
		name string
		r    io.Reader
		want string // what is read
		err  string // "" is none
	}{
		{"exactly", bounded.Exactly(strings.NewReader(text+"more"), 9).CRC32(sum), text, ""},
		{"exactly nothing", bounded.Exactly(strings.NewReader(text), 0), "", ""},
		{"exactly, but cut", bounded.Exactly(strings.NewReader(text[:4]), 9), "some", "got 4 of 9 bytes"},
		{"whole", bounded.Whole(strings.NewReader(text), 9).CRC32(sum), text, ""},
		{"whole, but more", bounded.Whole(strings.NewReader(text+"more"), 9), text + "more", "more than 9 bytes"},
		{"whole, but cut", bounded.Whole(strings.NewReader(text[:4]), 9), "some", "got 4 of 9 bytes"},
		{"another checksum", bounded.Whole(strings.NewReader(text), 9).CRC32(1), text, "want 00000001"},
		{"byte by byte", bounded.Exactly(iotest.OneByteReader(strings.NewReader(text+"more")), 9).CRC32(sum), text, ""},
		{"error at the end", bounded.Whole(iotest.ErrReader(errors.New("broken")), 9), "", "broken"},
		{
			"error before the end",
			bounded.UntilError(io.MultiReader(strings.NewReader(text), iotest.ErrReader(errors.New("broken")))),
			text,
			"",
		},
		{"panic before the end", bounded.UntilError(panics{}), "", ""},
		{
			"translated",
			bounded.Translate(iotest.ErrReader(errors.New("x")), func(error) error { return errors.New("y") }),
			"",
			"y",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := io.ReadAll(tt.r)
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

type panics struct{}

func (panics) Read([]byte) (int, error) { panic("broken") }

func TestBlocks(t *testing.T) {
	t.Parallel()
	parts := [][]byte{[]byte("one "), nil, []byte("two "), []byte("three")}
	r := bounded.Blocks(func() ([]byte, error) {
		b := parts[0]
		if parts = parts[1:]; len(parts) == 0 {
			return b, io.EOF
		}
		return b, nil
	})
	if err := iotest.TestReader(r, []byte("one two three")); err != nil {
		t.Error(err)
	}
}

func TestCounterAndClose(t *testing.T) {
	t.Parallel()
	c := &bounded.Counter{R: bytes.NewReader(make([]byte, 1000))}
	if _, err := io.CopyN(io.Discard, c, 600); err != nil || c.N != 600 {
		t.Errorf("got %d bytes counted, %v, want 600", c.N, err)
	}
	closes := 0
	in := closer{&closes}
	for _, r := range []io.Reader{
		bounded.Exactly(in, 1), bounded.UntilError(in), bounded.Translate(in, func(err error) error { return err }),
	} {
		if err := r.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
	if closes != 3 {
		t.Errorf("got %d calls of Close, want 3", closes)
	}
	if err := bounded.Exactly(strings.NewReader(""), 1).Close(); err != nil {
		t.Error(err)
	}
}

type closer struct{ n *int }

func (closer) Read([]byte) (int, error) { return 0, io.EOF }
func (c closer) Close() error           { *c.n++; return nil }
