// Package cab opens cabinets (Microsoft's "Cabinet File Format") with all methods:
// stored, MSZIP, Quantum and LZX.
package cab

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

const magic = "MSCF"

// Bits of a cabinet's flags.
const (
	before   = 1 << 0 // the cabinet continues another
	after    = 1 << 1 // another cabinet continues this one
	reserves = 1 << 2 // the header has the sizes of reserved fields
)

// Format is the cabinet.
func Format() unpack.Format {
	plain := unpack.Format{
		Name:   "cabinet",
		Opens:  "files stored or in MSZIP, LZX and Quantum; parts of sets and damage are refused",
		Magics: []unpack.Magic{{Text: magic}},
		Match:  func(_ unpack.Content, head []byte) bool { return begins(head) },
		Costly: costly,
		Walk:   walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: magic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			h := v.Content().Peek(at, 36)
			if !begins(h) {
				return 0, nil
			}
			size := int64(binary.LittleEndian.Uint32(h[8:]))
			if size < 36 || size > v.Content().Size()-at {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return f
}

// begins checks the magic, and a reserved field of zero or the version, which tell a
// cabinet from other files.
func begins(h []byte) bool {
	if len(h) < 36 || string(h[:4]) != magic {
		return false
	}
	return binary.LittleEndian.Uint32(h[4:]) == 0 || h[24] == 3 && h[25] == 1
}

// cabinet is the header of a cabinet.
type cabinet struct {
	folders, files      int   // numbers of headers
	atFolders, atFiles  int64 // offsets of the first headers
	perFolder, perBlock int64 // bytes of reserved fields
	filesSize           int64 // bytes of the headers of files
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	var h [40]byte
	if err := c.Fill(h[:36], 0); err != nil {
		return err
	}
	le := binary.LittleEndian
	if size := int64(le.Uint32(h[8:])); size > c.Size() {
		if err := v.Refuse(unpack.Damaged("cabinet with %d of %d bytes", c.Size(), size)); err != nil {
			return err
		}
	}
	flags := le.Uint16(h[30:])
	if flags&(before|after) != 0 {
		if err := v.Refuse(unpack.Unsupported("a part of a cabinet set")); err != nil {
			return err
		}
	}
	cab := cabinet{
		folders: int(le.Uint16(h[26:])), files: int(le.Uint16(h[28:])),
		atFolders: 36, atFiles: int64(le.Uint32(h[16:])),
	}
	if flags&reserves != 0 {
		if err := c.Fill(h[36:], 36); err != nil {
			return err
		}
		cab.atFolders, cab.perFolder, cab.perBlock = 40+int64(le.Uint16(h[36:])), int64(h[38]), int64(h[39])
	}
	for _, part := range []uint16{before, after} { // names of the cabinets before and after
		if flags&part != 0 {
			cab.atFolders = afterText(c, afterText(c, cab.atFolders))
		}
	}
	files, size, err := readFiles(c, cab)
	if err := v.Refuse(err); err != nil {
		return err
	}
	cab.filesSize = size
	if err := v.Spend(size); err != nil { // there may be as many cabinets with the same headers as marks
		return err
	}
	var folders []folder
	for i := range cab.folders {
		var f [8]byte
		if err := c.Fill(f[:], cab.atFolders+int64(i)*(8+cab.perFolder)); err != nil {
			return err
		}
		folders = append(folders, folder{
			c: c, at: int64(le.Uint32(f[:])), blocks: int(le.Uint16(f[4:])),
			method: le.Uint16(f[6:]), reserved: cab.perBlock,
		})
		if err := v.Refuse(extract(v, folders[i], files[i])); err != nil {
			return err
		}
	}
	end := min(int64(le.Uint32(h[8:])), c.Size())
	v.End(end)
	return cab.gaps(v, folders, end)
}

// afterText is the offset after a text that ends with a zero byte.
func afterText(c unpack.Content, at int64) int64 {
	i := slices.Index(c.Peek(at, 256), 0)
	return at + int64(i) + 1
}

// file is a file at an offset of a folder's stream.
type file struct {
	name     string
	at, size int64
}

// readFiles reads the headers of files, by folder and in the order of their offsets, and
// returns the size of the headers. Files that begin or end in another cabinet are left
// out.
func readFiles(c unpack.Content, cab cabinet) (files [][]file, size int64, failure error) {
	const others = 0xfffd // this and greater numbers stand for a folder of another cabinet
	files = make([][]file, cab.folders)
	in := bufio.NewReader(c.Section(cab.atFiles, c.Size()))
	le := binary.LittleEndian
	for range cab.files {
		var h [16]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			failure = unpack.Damaged("cabinet without all of its files' headers")
			break
		}
		name, err := in.ReadSlice(0)
		if err != nil {
			failure = unpack.Damaged("cabinet with a wrong file header")
			break
		}
		size += int64(len(h) + len(name))
		switch folder := int(le.Uint16(h[8:])); {
		case folder < cab.folders:
			files[folder] = append(files[folder], file{
				name: string(name[:len(name)-1]), at: int64(le.Uint32(h[4:])), size: int64(le.Uint32(h[:])),
			})
		case folder < others:
			failure = unpack.Damaged("cabinet with a file of a folder that is not there")
		}
	}
	for _, f := range files {
		slices.SortStableFunc(
			f,
			func(a, b file) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.size, b.size)) },
		)
	}
	return files, size, failure
}

// maxAgain is how many times a folder is unpacked again for files that overlap others.
const maxAgain = 16

// extract unpacks a folder and gives its files to the visitor.
func extract(v *unpack.Visitor, f folder, files []file) error {
	r, err := f.open(v)
	if err != nil {
		return err
	}
	defer func() { r.release() }() // of the reader that is there then
	at, again := int64(0), 0
	for i, file := range files {
		same := i > 0 && file.at == files[i-1].at && file.size == files[i-1].size
		if file.size == 0 || same { // WiX writes equal files once
			continue
		}
		if file.at < at {
			if again++; again > maxAgain {
				return unpack.TooMany("cabinet with more than %d files that overlap", maxAgain)
			}
			r.release()
			if r, err = f.open(v); err != nil {
				return err
			}
			at = 0
		}
		if err := skip(v, r, file.at-at); err != nil {
			return err
		}
		part := bounded.Exactly(r, file.size)
		if err := v.Stream(file.name, part); err != nil {
			return err
		}
		if part.Left() > 0 { // damaged, so that nothing after it can be read
			return nil
		}
		at = file.at + file.size
	}
	return nil
}

// skip reads bytes that belong to no file.
func skip(v *unpack.Visitor, r io.Reader, n int64) error {
	for n > 0 {
		got, err := io.CopyN(io.Discard, r, min(n, blockSize))
		if err := v.Spend(got); err != nil {
			return err
		}
		if err != nil {
			return unpack.Damaged("cabinet: %v", bounded.Unexpected(err))
		}
		n -= got
	}
	return nil
}
