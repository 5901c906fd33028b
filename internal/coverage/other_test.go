package coverage

import (
	"fmt"
	"slices"
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
		{name: "bzip2 cut", content: fixture(t, "other", "harmless.txt.bz2")[:300], want: "damaged"},
		{name: "bzip2 with a bit flipped", content: flipped(fixture(t, "other", "harmless.txt.bz2"), 300), want: "damaged"},
		{name: "WIM", content: fixture(t, "other", "d.wim"), want: "unsupported-archive"},
		{name: "lzip", content: fixture(t, "other", "harmless.txt.lz"), want: "unsupported-archive"},
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
