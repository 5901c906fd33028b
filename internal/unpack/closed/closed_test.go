package closed

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

// all are the formats of this package: its tests do not depend on other formats.
func all() unpack.Formats { return unpack.NewFormats(Formats()...) }

// TestTables checks that each kind in the tables is refused.
func TestTables(t *testing.T) {
	t.Parallel()
	var samples []unpacktest.Sample
	for _, r := range append(append(archives(), encryptedFiles()...), volumes()...) {
		s := unpacktest.Sample{
			Name: fmt.Sprintf("%s by %q", r.name, r.text), Content: unpacktest.VolumeOf(r.at, r.text),
			Want: "unsupported-archive",
		}
		if r.encrypted {
			s.Want = "encrypted"
		}
		samples = append(samples, s)
	}
	unpacktest.Try(t, all(), samples)
}

// TestVolumes checks that file systems are refused: a file in one may be in several
// pieces, which no package here joins.
func TestVolumes(t *testing.T) {
	t.Parallel()
	ext := unpacktest.ExtOf()
	bitlocker := unpacktest.VolumeOf(3, "-FVE-FS-")
	marked := unpacktest.Pages(2048)
	copy(marked[510:], "\x55\xaa")
	unpacktest.Try(t, all(), []unpacktest.Sample{
		{Name: "ext", Content: ext, Want: "unsupported-archive"},
		{Name: "ext in a partition", Content: unpacktest.MBROf(0x83, ext), Want: "unsupported-archive"},
		{
			Name:    "ext in a logical partition",
			Content: unpacktest.MBROf(0x0f, unpacktest.ChainedOf(ext)),
			Want:    "unsupported-archive",
		},
		{Name: "ext in a GPT", Content: unpacktest.GPTOf(ext), Want: "unsupported-archive"},
		{Name: "BitLocker in a GPT", Content: unpacktest.GPTOf(bitlocker), Want: "encrypted"},
		{
			Name:    "ext with something infected",
			Content: unpacktest.Join(ext, unpacktest.Eicar()),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "partitions of nothing known",
			Content: unpacktest.MBROf(0x83, unpacktest.Pages(4096)),
			Want:    unpacktest.Clean,
		},
		{Name: "text with the MBR's mark", Content: marked, Want: unpacktest.Clean},
		{
			Name:    "a table that leads to itself",
			Content: unpacktest.MBROf(5, unpacktest.MBROf(5, nil)),
			Want:    unpacktest.Clean,
		},
		{Name: "zeros", Content: make([]byte, 80<<10), Want: unpacktest.Clean},
	})
}

// TestMarks checks that some kinds are refused in the middle of other content, but only
// if a header follows the magic.
func TestMarks(t *testing.T) {
	t.Parallel()
	lzop := unpacktest.Fixture(t, "harmless.txt.lzo")
	qcow := unpacktest.Join(
		[]byte("QFI\xfb\x00\x00\x00\x03"),
		make([]byte, 12),
		[]byte("\x00\x00\x00\x10"),
		make([]byte, 80),
	)
	before := unpacktest.ELF()
	unpacktest.Try(t, all(), []unpacktest.Sample{
		{Name: "lzop", Content: lzop, Want: "unsupported-archive"},
		{Name: "lzop behind a program", Content: unpacktest.Join(before, lzop), Want: "unsupported-archive"},
		{Name: "WIM", Content: unpacktest.Fixture(t, "d.wim"), Want: "unsupported-archive"},
		{
			Name:    "WIM behind a program",
			Content: unpacktest.Join(before, unpacktest.Fixture(t, "d.wim")),
			Want:    "unsupported-archive",
		},
		{
			Name:    "squashfs behind a program",
			Content: unpacktest.Join(before, unpacktest.SquashHead()),
			Want:    "unsupported-archive",
		},
		{Name: "QCOW behind a program", Content: unpacktest.Join(before, qcow), Want: "unsupported-archive"},
		{
			Name: "magics among a program's constants",
			Content: unpacktest.Join(
				before,
				[]byte("QFI\xfbhsqs\x00SIT!LRZI\x00KWAJ\x88\xf0\x27\xd1\x89LZO\x00\r\n\x1a\n"),
				make([]byte, 400),
			),
			Want: unpacktest.Clean,
		},
	})
}

func FuzzClosed(f *testing.F) {
	seeds := [][]byte{
		unpacktest.MBROf(0x0f, unpacktest.ChainedOf(unpacktest.ExtOf())), unpacktest.GPTOf(unpacktest.ExtOf()[:4096]),
	}
	for _, r := range append(archives(), volumes()...) {
		seeds = append(seeds, bytes.TrimRight(unpacktest.VolumeOf(r.at, r.text), "\x00"))
	}
	unpacktest.Fuzz(f, all(), nil, seeds...)
}

func TestByName(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"x.7z.002", "x.zip.003", "a/b c/X.ZIP.001", "x.tar.gz.010", "x.tgz.00", "x.tar.01", "x.tar.zst.aa", "x.zip.az",
		"x.zip.part01", "x.tar.bz2.part_aa", "x.7z-part002", "x.iso.002", "x.z01", "x.z10", "x.Z99", "x.z100", "x.zx02",
		"x.2.dmgpart", "x.rar.002", "x.tar.gz.0001", "x.tar.aac",
	} {
		if reason, ok := ByName(key); !ok || reason != job.UnsupportedArchive {
			t.Errorf("ByName(%q) = %q, %t, want a refusal as a part of an archive", key, reason, ok)
		}
	}
	for _, key := range []string{
		"", "x", "x.001", "report.2024.001", "IM.001", "log.002", "x.zip", "x.7z", "x.zip.1", "x.zip.10", "x.zip.2024",
		"x.tar.gz.20240115", "x.tar.gz.asc", "x.zip.aes", "x.tar.br", "x.zip.sha256", "x.z80", "x.z64", "x.z3", "x.z5",
		"x.r00", "x.part2.rar", "x.a01", "x.swm", "x.zip/001", "x.zip.001/readme.txt", "x.zip.001.txt", "7z.002", "x.gz.part",
		"lib.so.001", "x.pdf.001", "takeout-20240101-001.zip", "x.zip-001", "x.z1",
	} {
		if reason, ok := ByName(key); ok {
			t.Errorf("ByName(%q) = %q, true, want no refusal", key, reason)
		}
	}
}
