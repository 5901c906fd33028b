package fat_test

import "github.com/lazaret/lazaret/internal/unpack/unpacktest"

const (
	sector  = 512
	endMark = 0x0fffffff
)

// disk is a volume that is written cluster by cluster. A cluster has two sectors.
type disk struct {
	kind     int
	clusters int
	copies   int // 2 if 0
	root     []byte
	content  map[int][]byte
	chains   map[int]uint32
	other    map[int]uint32 // entries of the second copy of the table that differ
	boot     map[int][]byte // changed bytes of the boot sector, by offset
}

const cluster = 2 * sector

func newDisk(kind int) *disk {
	clusters := map[int]int{12: 60, 16: 4100, 32: 60}[kind]
	return &disk{kind: kind, clusters: clusters, content: map[int][]byte{}, chains: map[int]uint32{}}
}

// chain puts content into clusters, one after another.
func (d *disk) chain(content []byte, clusters ...int) {
	for i, n := range clusters {
		at := min(i*cluster, len(content))
		d.content[n] = content[at:min(at+cluster, len(content))]
		d.chains[n] = endMark
		if i > 0 {
			d.chains[clusters[i-1]] = uint32(n)
		}
	}
}

// entry is an entry of a folder. A name has eleven characters.
func entry(name string, attributes byte, start, size int) []byte {
	b := make([]byte, 32)
	copy(b, name)
	b[11] = attributes
	copy(b[20:], unpacktest.LE(uint16(start>>16)))
	copy(b[26:], unpacktest.LE(uint16(start), uint32(size)))
	return b
}

func file(start, size int) []byte  { return entry("A       TXT", 0x20, start, size) }
func folder(start int) []byte      { return entry("B          ", 0x10, start, 0) }
func entries(all ...[]byte) []byte { return unpacktest.Join(all...) }

// longName is a part of a long name, of at most 13 characters. The last part comes
// first.
func longName(order byte, part string) []byte {
	b := make([]byte, 32)
	b[0], b[11] = order, 0x0f
	for i, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
		if i < len(part) {
			b[at] = part[i]
		}
	}
	return b
}

func (d *disk) in(all ...[]byte)    { d.root = entries(all...) }
func (d *disk) rootCluster() int    { return 3 }
func (d *disk) table(n int64) int64 { return (n*int64(d.kind)/8 + sector) / sector * sector }

// fat is one copy of the table.
func (d *disk) fat(chains, other map[int]uint32) []byte {
	b := make([]byte, d.table(int64(d.clusters+2))+4)
	set := func(n int, next uint32) {
		switch d.kind {
		case 12:
			at, old := n*3/2, uint16(0)
			next &= 0xfff
			if n%2 == 1 {
				old, next = uint16(b[at]&0xf), next<<4
			} else {
				old = uint16(b[at+1]&0xf0) << 8
			}
			copy(b[at:], unpacktest.LE(old|uint16(next)))
		case 16:
			copy(b[2*n:], unpacktest.LE(uint16(next)))
		default:
			copy(b[4*n:], unpacktest.LE(next))
		}
	}
	set(0, 0x0ffffff8)
	set(1, endMark)
	for _, m := range []map[int]uint32{chains, other} {
		for n, next := range m {
			set(n, next)
		}
	}
	return b[:len(b)-4]
}

// bytes are those of the volume.
func (d *disk) bytes() []byte {
	copies, rootEntries := 2, 32
	if d.copies != 0 {
		copies = d.copies
	}
	if d.kind == 32 {
		rootEntries = 0
		d.chain(d.root, d.rootCluster())
	}
	root := make([]byte, 32*rootEntries)
	copy(root, d.root)
	boot := make([]byte, 4*sector)
	table := d.fat(d.chains, nil)
	size := (len(boot) + copies*len(table) + len(root) + d.clusters*cluster) / sector
	copy(boot, "\xeb\x3c\x90mkfs.fat")
	copy(boot[11:], unpacktest.LE(
		uint16(sector), uint8(2), uint16(4), uint8(copies), uint16(rootEntries), uint16(size), uint8(0xf8),
	))
	if d.kind == 32 {
		copy(boot[36:], unpacktest.LE(uint32(len(table)/sector), uint16(0), uint16(0), uint32(d.rootCluster())))
	} else {
		copy(boot[22:], unpacktest.LE(uint16(len(table)/sector)))
	}
	copy(boot[510:], "\x55\xaa")
	for at, field := range d.boot {
		copy(boot[at:], field)
	}
	all := unpacktest.Join(boot, table)
	for range copies - 1 {
		all = unpacktest.Join(all, d.fat(d.chains, d.other))
	}
	all = unpacktest.Join(all, root)
	data := make([]byte, d.clusters*cluster)
	for n, content := range d.content {
		copy(data[(n-2)*cluster:], content)
	}
	return unpacktest.Join(all, data)
}

// backwards are the clusters that content takes, in descending order.
func backwards(content []byte) []int {
	var all []int
	for n := (len(content) + cluster - 1) / cluster; n > 0; n-- {
		all = append(all, 2+2*n)
	}
	return all
}

// scattered is a volume of one file, whose clusters are in descending order.
func scattered(kind int, content []byte) *disk {
	d := newDisk(kind)
	d.clusters = max(d.clusters, 2*len(content)/cluster+10)
	d.chain(content, backwards(content)...)
	d.in(file(backwards(content)[0], len(content)))
	return d
}
