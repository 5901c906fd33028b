package udf

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/extents"
)

// TestExtentsAreBounded checks the memory for extents that are not recorded, which take
// no bytes of the image.
func TestExtentsAreBounded(t *testing.T) {
	t.Parallel()
	list := make([]byte, 8*(maxExtents+2))
	for at := 0; at < len(list); at += 8 {
		binary.LittleEndian.PutUint32(list[at:], 1<<30|1)
	}
	f := &file{}
	err := (&volume{}).extents(f, partition{}, list, shortExtents)
	if r, ok := errors.AsType[*unpack.Refusal](err); !ok || r.Reason != job.LimitFiles {
		t.Errorf("got %d extents, %v, want a refusal with %s", len(f.parts), err, job.LimitFiles)
	}
}

// TestBlocksOfMetadata checks the offsets of blocks in a metadata partition with many
// extents.
func TestBlocksOfMetadata(t *testing.T) {
	t.Parallel()
	const block = 512
	random := rand.New(rand.NewPCG(1, 2))
	f := &file{}
	var want []int64 // by block
	for range 500 {
		blocks := 1 + random.Int64N(4)
		from := random.Int64N(1 << 20)
		f.parts = append(f.parts, extents.Span{From: from, Size: blocks * block})
		for n := range blocks {
			want = append(want, from+n*block)
		}
		f.size += blocks * block
	}
	vol, p := &volume{block: block}, metadata(f)
	for n, want := range want {
		if got, err := vol.at(p, int64(n)); got != want || err != nil {
			t.Fatalf("block %d: got offset %d, %v, want %d", n, got, err, want)
		}
	}
	p.size += block
	if _, err := vol.at(p, int64(len(want))); !unpack.IsDamage(err) {
		t.Errorf("block after the last: got %v, want damage", err)
	}
}
