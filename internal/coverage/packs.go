package coverage

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// walkAndroid takes a backup that adb made: four lines and a tar in zlib.
func walkAndroid(w *walk, n node) error {
	in := all(n)
	var lines [4]string
	for i := range lines {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return damaged("Android backup without its header")
		}
		lines[i] = string(bytes.TrimSpace(line))
	}
	switch {
	case lines[3] != "none":
		return encrypted("Android backup")
	case lines[2] == "0":
		return w.stream(n, "backup", in, false)
	}
	z, err := zlib.NewReader(in)
	if err != nil {
		return unreadable(unexpected(err))
	}
	return w.stream(n, "backup", z, false)
}

// walkHg takes a bundle of Mercurial's first version.
func walkHg(w *walk, n node) error {
	z, err := zlib.NewReader(bufio.NewReader(n.at(6, n.size)))
	if err != nil {
		return unreadable(unexpected(err))
	}
	return w.stream(n, "bundle", z, false)
}

const gitMagic = "PACK\x00\x00\x00"

// isGit checks the version and the number of objects in a pack of git, of which
// a bundle has one at its end (gitformat-pack).
func isGit(b []byte) bool {
	kind := b[12] >> 4 & 7
	return (b[7] == 2 || b[7] == 3) && binary.BigEndian.Uint32(b[8:]) > 0 && kind != 0 && kind != 5
}

func walkGit(w *walk, n node) error {
	var h [13]byte
	if n.read(h[:], 0) != nil || !isGit(h[:]) {
		return nil
	}
	_, err := gitAt(w, n, "pack", 0)
	return err
}

// gitAt shows the objects of a pack one after another as one file: there may be
// more than the limits allow members. Differences to other objects are shown
// as they are. One that cannot be read ends it.
func gitAt(w *walk, n node, name string, at int64) (int64, error) {
	var h [13]byte
	if n.read(h[:], at) != nil || !isGit(h[:]) {
		return 0, nil
	}
	objects := &gitObjects{in: bufio.NewReaderSize(n.at(at+12, n.size), 32<<10), left: binary.BigEndian.Uint32(h[8:])}
	return 0, w.decoded(n, name+"/objects", objects)
}

type gitObjects struct {
	in   *bufio.Reader
	left uint32
	z    io.ReadCloser
	open bool
}

func (g *gitObjects) Read(p []byte) (int, error) {
	for !g.open {
		if g.left == 0 {
			return 0, io.EOF
		}
		g.left--
		if err := g.begin(); err != nil {
			return 0, unexpected(err)
		}
	}
	n, err := g.z.Read(p)
	if ended(err) {
		g.open, err = false, nil
	}
	return n, err
}

// begin reads an object's header: its kind and size, and what it differs from.
func (g *gitObjects) begin() error {
	b, err := g.in.ReadByte()
	kind := b >> 4 & 7
	for more := b; err == nil && more&0x80 != 0; {
		more, err = g.in.ReadByte()
	}
	switch kind {
	case 6: // an offset
		for more := byte(0x80); err == nil && more&0x80 != 0; {
			more, err = g.in.ReadByte()
		}
	case 7: // a name
		_, err = g.in.Discard(20)
	}
	if err != nil {
		return err
	}
	if g.z == nil {
		g.z, err = zlib.NewReader(g.in)
	} else {
		err = g.z.(zlib.Resetter).Reset(g.in, nil)
	}
	g.open = err == nil
	return err
}
