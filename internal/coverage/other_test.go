package coverage

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
)

// arOf is an ar archive.
func arOf(members ...[]byte) []byte {
	out := []byte("!<arch>\n")
	for i, m := range members {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", fmt.Sprintf("m%d/", i), 0, 0, 0, "100644", len(m))
		if out = append(out, m...); len(m)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

// cpioOf is a cpio archive of one member in the form newc.
func cpioOf(content []byte) []byte {
	entry := func(name string, content []byte) []byte {
		h := fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00", 1, 0o100644, 0, 0, 1, 0,
			len(content), 0, 0, 0, 0, len(name)+1, 0, name)
		return append(pad4(h), pad4(content)...)
	}
	return append(entry("a", content), entry("TRAILER!!!", nil)...)
}

func pad4(b []byte) []byte { return append(slices.Clip(b), make([]byte, -len(b)&3)...) }

// rpmOf is an RPM with empty headers.
func rpmOf(payload []byte) []byte {
	header := append([]byte("\x8e\xad\xe8\x01"), make([]byte, 12)...)
	return join([]byte("\xed\xab\xee\xdb"), make([]byte, 92), header, header, payload)
}

// bzip2Eicar is EICAR in bzip2, which no library here writes. It stands here
// with every byte changed, so that nothing in the repository is infected.
func bzip2Eicar(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString("180032636b1b037c0903dc0891895a5a4544da7c205cda353f85075a587a5a12d033fa6a" +
		"d915129cfdf820de098e323e3e8bde986eae8e8472e546cad2530addb15d1b56a1c9c0f8" +
		"c196be9c48bc2c93ef5bf874f056b5e97259950043ca4aada2e1c87398dede68cc04c2")
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x5a
	}
	return b
}

func TestOthers(t *testing.T) {
	t.Parallel()
	harmless, evil := pages(3000), eicarText()
	packed := gzipOf(t, evil)
	deb := arOf([]byte("2.0\n"), gzipOf(t, tarOf(t, harmless)), gzipOf(t, tarOf(t, evil)))
	cpio := cpioOf(harmless)
	script := []byte("#!/bin/sh\ntail -n +3 \"$0\" | tar xz\nexit\n")
	try(t, []sample{
		{name: "deb", content: fixture(t, "other", "xz-members.deb"), want: "covered"},
		{name: "deb with zstd", content: fixture(t, "other", "zstd-members.deb"), want: "covered"},
		{name: "deb infected", content: deb, want: infected},
		{name: "deb cut", content: deb[:len(deb)-20], want: infected},
		{name: "ar cut", content: arOf(harmless)[:1000], want: "damaged"},
		{name: "ar with a gzip", content: arOf(packed), want: infected},
		{name: "cpio", content: cpio, want: "covered"},
		{name: "cpio infected", content: cpioOf(evil), clamd: infected, want: "covered"},
		{name: "cpio cut", content: cpio[:1000], want: "damaged"},
		{name: "cpio without its end", content: cpio[:3120], want: "damaged"},
		{name: "cpio with a zip64", content: cpioOf(wide64(t)), want: infected},
		{name: "cpio and then another in zstd", content: join(cpio, make([]byte, 512), zstdOf(t, cpioOf(evil))), want: infected},
		{name: "rpm", content: rpmOf(gzipOf(t, cpio)), want: "covered"},
		{name: "rpm infected", content: rpmOf(gzipOf(t, cpioOf(evil))), want: infected},
		{name: "rpm with zstd infected", content: rpmOf(zstdOf(t, cpioOf(evil))), want: infected},
		{name: "rpm without payload", content: rpmOf(nil), want: "damaged"},
		{name: "compress", content: fixture(t, "other", "harmless.Z"), want: "covered"},
		{name: "bzip2", content: fixture(t, "other", "harmless.txt.bz2"), want: "covered"},
		{name: "bzip2 infected", content: bzip2Eicar(t), clamd: infected, want: infected},
		{name: "bzip2 of two streams", content: join(fixture(t, "other", "harmless.txt.bz2"), bzip2Eicar(t)), want: infected},
		{name: "bzip2 behind an ELF", content: join(elf(), bzip2Eicar(t)), want: infected},
		{name: "bzip2 in the middle of text", content: join(harmless, bzip2Eicar(t), harmless), want: infected},
		{name: "bzip2 cut", content: fixture(t, "other", "harmless.txt.bz2")[:300], want: "damaged"},
		{name: "bzip2 with a bit flipped", content: flipped(fixture(t, "other", "harmless.txt.bz2"), 300), want: "damaged"},
		{name: "WIM", content: fixture(t, "other", "d.wim"), want: "unsupported-archive"},
		{name: "lzip", content: fixture(t, "other", "harmless.txt.lz"), want: "covered"},
		{name: "lzop", content: fixture(t, "other", "harmless.txt.lzo"), want: "unsupported-archive"},
		{name: "squashfs", content: join([]byte("hsqs"), make([]byte, 92)), want: "unsupported-archive"},
		{name: "arj", content: fixture(t, "other", "d.arj"), want: "covered"},
		{name: "WIM in a zip", content: goZip(t, "a", fixture(t, "other", "d.wim")), want: "unsupported-archive"},
		{name: "script with a tgz", content: join(script, gzipOf(t, tarOf(t, evil))), want: infected},
		{name: "script with a tgz, harmless", content: join(script, gzipOf(t, tarOf(t, harmless))), want: "covered"},
		{name: "script", content: join(script, harmless), want: "covered"},
		{name: "7z with bzip2 behind an ELF", content: join(elf(), fixture(t, "7z", "bzip2.7z")), want: "covered"},
		{name: "7z with deflate behind an ELF, infected", content: join(elf(), sevenOf([]byte{4, 1, 8}, deflated(t, evil), evil)), want: infected},
	})
}

func TestZipsOfOthers(t *testing.T) {
	t.Parallel()
	samples := []sample{}
	for name, want := range map[string]string{
		"zip64": "covered", "lzma": "covered", "xz": "covered", "bzip2": "covered", "deflate64": "covered", "ppmd": "unsupported-archive",
	} {
		whole := fixture(t, "zip", name+".zip")
		samples = append(samples, sample{name: name, content: whole, want: want})
		if name != "ppmd" && name != "deflate64" { // not unpacked here
			samples = append(samples, sample{name: name + " with a bit flipped", content: flipped(whole, 300), want: "damaged"})
		}
	}
	try(t, samples)
}

// mailOf is a message with one attachment.
func mailOf(content []byte) []byte {
	return []byte("From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"q\"\r\n\r\n" +
		"--q\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--q\r\nContent-Type: application/octet-stream; name=\"a\"\r\n" +
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"a\"\r\n\r\n" +
		strings.Join(slices.Collect(lines(base64.StdEncoding.EncodeToString(content))), "\r\n") + "\r\n--q--\r\n")
}

func lines(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for ; len(s) > 76; s = s[76:] {
			if !yield(s[:76]) {
				return
			}
		}
		yield(s)
	}
}

// cabHead is the beginning of a cabinet that announces a size.
func cabHead(size uint32, flags uint16) []byte {
	return join([]byte("MSCF\x00\x00\x00\x00"), le(size, uint32(0), uint32(44), uint32(0), uint8(3), uint8(1), uint16(0), uint16(0), flags, uint32(0)), make([]byte, 64))
}

// isoHead is a CD image that announces a number of sectors.
func isoHead(sectors uint32) []byte {
	b := make([]byte, 40<<10)
	copy(b[isoStart:], "\x01CD001\x01")
	copy(b[isoStart+80:], le(sectors))
	copy(b[isoStart+128:], le(uint16(2048)))
	return b
}

func TestMailAndDisks(t *testing.T) {
	t.Parallel()
	manifest := func(entry string) []byte {
		return zipOf(t, zipped{name: "mimetype", content: []byte("application/vnd.oasis.opendocument.text")},
			zipped{name: "META-INF/manifest.xml", content: []byte("<manifest:manifest><manifest:file-entry manifest:full-path=\"content.xml\">" + entry + "</manifest:file-entry></manifest:manifest>"), method: 8},
			zipped{name: "content.xml", content: pages(500), method: 8})
	}
	try(t, []sample{
		{name: "mail", content: mailOf(goZip(t, "a", pages(500))), want: "covered"},
		{name: "mail with a zip64", content: mailOf(wide64(t)), want: infected},
		{name: "mail with a cut gzip", content: mailOf(gzipOf(t, pages(500))[:80]), want: "damaged"},
		{name: "mail whose header is most of it", content: join([]byte("Subject: "), bytes.Repeat([]byte("x"), maxMailHead+1)), want: "limit-size"},
		{name: "text that begins like a mail", content: []byte("Subject: none\nof the rest\n"), want: "covered"},
		{name: "cabinet", content: cabHead(100, 0), want: "covered"},
		{name: "cabinet cut", content: cabHead(3000, 0), want: "damaged"},
		{name: "cabinet of several", content: cabHead(100, 2), want: "unsupported-archive"},
		{name: "CD image", content: isoHead(20), want: "covered"},
		{name: "CD image cut", content: isoHead(2000), want: "damaged"},
		{name: "OpenDocument", content: manifest(""), want: "covered"},
		{name: "OpenDocument encrypted", content: manifest("<manifest:encryption-data/>"), want: "encrypted"},
	})
}
