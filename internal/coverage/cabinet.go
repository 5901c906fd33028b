package coverage

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"

	"github.com/lazaret/lazaret/internal/job"
)

// cabinet is what a cabinet's header says (Microsoft's "Cabinet File Format",
// CFHEADER).
type cabinet struct {
	folders, files      int
	atFolders, atFiles  int64
	perFolder, perBlock int64 // bytes reserved for somebody's own use
}

// Bits of a cabinet's flags.
const (
	cabBefore   = 1 << 0 // continues another
	cabAfter    = 1 << 1 // continues in another
	cabReserves = 1 << 2
)

// walkCab looks whether a cabinet is all there, and all of its files in it, and
// unpacks what is stored or in MSZIP. The engine unpacks it all.
func walkCab(w *walk, n node) error {
	var h [40]byte
	if err := n.read(h[:36], 0); err != nil {
		return err
	}
	le := binary.LittleEndian
	if size := int64(le.Uint32(h[8:])); size > n.size {
		return damaged("cabinet of %d bytes, %d announced", n.size, size)
	}
	flags := le.Uint16(h[30:])
	if flags&(cabBefore|cabAfter) != 0 {
		return unsupported("a part of a cabinet set")
	}
	c := cabinet{folders: int(le.Uint16(h[26:])), files: int(le.Uint16(h[28:])), atFolders: 36, atFiles: int64(le.Uint32(h[16:]))}
	if flags&cabReserves != 0 {
		if err := n.read(h[36:], 36); err != nil {
			return err
		}
		c.atFolders, c.perFolder, c.perBlock = 40+int64(le.Uint16(h[36:])), int64(h[38]), int64(h[39])
	}
	files, err := n.cabFiles(c)
	if err != nil {
		return err
	}
	for i := range c.folders {
		var f [8]byte
		if err := n.read(f[:], c.atFolders+int64(i)*(8+c.perFolder)); err != nil {
			return err
		}
		r := &cabReader{n: n, at: int64(le.Uint32(f[:])), left: int(le.Uint16(f[4:])), mszip: f[6]&0x0f == 1, reserved: c.perBlock}
		if f[6]&0x0f > 3 {
			return unsupported("cabinet with method %d", f[6]&0x0f)
		}
		if f[6]&0x0f > 1 { // Quantum or LZX, which only the engine unpacks
			continue
		}
		if err := w.settle(n, w.cabFolder(n, r, files[i])); err != nil {
			return err
		}
	}
	return nil
}

// cabFile is one file in a folder, which is one stream.
type cabFile struct {
	name     string
	at, size int64
}

// cabFiles reads the files' headers, by folder and in the order of their places.
func (n node) cabFiles(c cabinet) ([][]cabFile, error) {
	files := make([][]cabFile, c.folders)
	in := bufio.NewReader(n.at(c.atFiles, n.size))
	le := binary.LittleEndian
	for range c.files {
		var h [16]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return nil, damaged("cabinet without all of its files' headers")
		}
		name, err := in.ReadSlice(0)
		folder := int(le.Uint16(h[8:]))
		if err != nil || folder >= c.folders {
			return nil, damaged("cabinet with a wrong file header")
		}
		files[folder] = append(files[folder], cabFile{string(name[:len(name)-1]), int64(le.Uint32(h[4:])), int64(le.Uint32(h[:]))})
	}
	for _, f := range files {
		slices.SortStableFunc(f, func(a, b cabFile) int { return cmp.Compare(a.at, b.at) })
	}
	return files, nil
}

func (w *walk) cabFolder(n node, r *cabReader, files []cabFile) error {
	at := int64(0)
	for i, f := range files {
		if f.size == 0 || i > 0 && f.at == files[i-1].at && f.size == files[i-1].size { // WiX writes equal files once
			continue
		}
		if f.at < at {
			return damaged("cabinet with files that overlap: %s", clip(f.name, 64))
		}
		if f.at-at > w.limits.Unpacked-w.bytes {
			return exceeded(job.LimitSize, "more than %d bytes unpacked", w.limits.Unpacked)
		}
		w.bytes += f.at - at
		if _, err := io.CopyN(io.Discard, r, f.at-at); err != nil {
			return unreadable(unexpected(err))
		}
		part := &exactly{r: r, left: f.size}
		if err := w.settle(n, w.stream(n, f.name, part, !n.hidden)); err != nil {
			return err
		}
		if part.left > 0 { // damaged, and nothing after it can be read
			return nil
		}
		at = f.at + f.size
	}
	return nil
}

// exactly reads so many bytes, and fails where there are less.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if e.left > 0 {
		err = unexpected(err)
	}
	return n, err
}

// cabReader unpacks a folder: blocks of at most 32 KiB (CFDATA), in MSZIP each a
// deflate of its own that refers to the blocks before.
type cabReader struct {
	n        node
	at       int64
	left     int // blocks
	mszip    bool
	reserved int64
	window   []byte
	out      []byte
	z        io.ReadCloser
}

const cabBlock = 32 << 10

func (r *cabReader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left--
		if err := r.block(); err != nil {
			return 0, unexpected(err)
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

func (r *cabReader) block() error {
	le := binary.LittleEndian
	var h [8]byte
	if err := r.n.read(h[:], r.at); err != nil {
		return err
	}
	packed, size := int(le.Uint16(h[4:])), int(le.Uint16(h[6:]))
	data := make([]byte, packed)
	if err := r.n.read(data, r.at+8+r.reserved); err != nil {
		return err
	}
	r.at += 8 + r.reserved + int64(packed)
	if sum := le.Uint32(h[:]); sum != 0 && r.reserved == 0 && sum != cabSum(h[4:], cabSum(data, 0)) {
		return damaged("cabinet with a wrong sum")
	}
	switch {
	case size == 0 || size > cabBlock:
		return damaged("cabinet with a block of %d bytes", size)
	case !r.mszip && size != packed:
		return damaged("cabinet with a wrong block")
	case !r.mszip:
		r.out = data
		return nil
	case !bytes.HasPrefix(data, []byte("CK")):
		return damaged("cabinet with a block that is not MSZIP")
	}
	in := bytes.NewReader(data[2:])
	if r.z == nil {
		r.z = flate.NewReader(in)
	} else if err := r.z.(flate.Resetter).Reset(in, r.window); err != nil {
		return err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(r.z, out); err != nil {
		return err
	}
	r.window = append(r.window, out...)
	r.window = r.window[max(0, len(r.window)-cabBlock):]
	r.out = out
	return nil
}

// cabSum is the sum over a block: of its words, and of what is left in the order
// that Microsoft's own code puts it in.
func cabSum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}
