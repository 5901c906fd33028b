package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// kind is a kind of content, with the verdict that it must get.
type kind struct {
	name   string
	want   job.Verdict
	weight int // how often it is uploaded, in comparison with the others
	make   func(r *rand.Rand, id int) []byte
}

// kinds returns all kinds of content.
func kinds() []kind {
	return []kind{
		{"text", job.Clean, 28, text},
		{"empty", job.Clean, 3, func(*rand.Rand, int) []byte { return nil }},
		{"three bytes", job.Clean, 2, func(*rand.Rand, int) []byte { return []byte("abc") }},
		{"picture", job.Clean, 3, func(*rand.Rand, int) []byte { return sample.PNG() }},
		{"document", job.Clean, 3, func(*rand.Rand, int) []byte { return sample.PDF() }},
		{"zip", job.Clean, 6, func(r *rand.Rand, id int) []byte { return zipped("a.txt", text(r, id)) }},
		{"tar.gz", job.Clean, 5, func(r *rand.Rand, id int) []byte { return sample.TarGz("a.txt", text(r, id)) }},
		{"large", job.Clean, 1, large},
		{"EICAR", job.Infected, 8, func(*rand.Rand, int) []byte { return eicar.Bytes() }},
		{"EICAR in a text", job.Infected, 9, func(r *rand.Rand, id int) []byte { return infect(text(r, id)) }},
		{"EICAR in a zip", job.Infected, 6, func(r *rand.Rand, id int) []byte { return zipped("a", infect(text(r, id))) }},
		{"EICAR in a tar.gz in a zip", job.Infected, 5, func(r *rand.Rand, id int) []byte {
			return zipped("a.tar.gz", sample.TarGz("a", infect(text(r, id))))
		}},
		{"large with EICAR", job.Infected, 1, func(r *rand.Rand, id int) []byte { return infect(large(r, id)) }},
		{"encrypted zip", job.Unscannable, 5, func(*rand.Rand, int) []byte { return sample.Encrypted() }},
		{"nested too deep", job.Unscannable, 2, tooDeep},
	}
}

// kindOf draws a kind.
func kindOf(r *rand.Rand) kind {
	all, total := kinds(), 0
	for _, k := range all {
		total += k.weight
	}
	n := r.IntN(total)
	for _, k := range all {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return all[0] // not reached
}

// text returns up to 20 KB that no other upload has.
func text(r *rand.Rand, id int) []byte {
	b := fmt.Appendf(nil, "Upload %d of %016x. ", id, r.Uint64())
	for range r.IntN(400) {
		b = fmt.Appendf(b, "%d bales of %x. ", r.IntN(1000), r.Uint64())
	}
	return b
}

// large returns more than the 5 MiB that a part of an upload has at least.
func large(r *rand.Rand, id int) []byte {
	return append(text(r, id), sample.Filler(5<<20+r.IntN(4<<20))...)
}

// infect puts EICAR into the middle of a file.
func infect(b []byte) []byte {
	half := len(b) / 2
	return bytes.Join([][]byte{b[:half], eicar.Bytes(), b[half:]}, nil)
}

func zipped(name string, content []byte) []byte { return sample.Zip(map[string][]byte{name: content}) }

// tooDeep returns a zip in a zip, and so on, beyond the engine's limit.
func tooDeep(r *rand.Rand, id int) []byte {
	b := text(r, id)
	for range clamav.DefaultLimits().Recursion + 3 {
		b = zipped("inner.zip", b)
	}
	return b
}
