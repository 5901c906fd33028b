package coverage

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// heads are harmless files of other kinds, in front of which, or in whose first
// bytes, something else may stand.
func heads() map[string][]byte {
	return map[string][]byte{
		"JPEG":    join([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00\x43\x00"), make([]byte, 64), []byte("\xff\xd9")),
		"GIF":     []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"),
		"PDF":     pdfOf(nil),
		"HTML":    []byte("<!DOCTYPE html><html><body>hello</body></html>\n"),
		"ELF":     elf(),
		"text":    pages(300),
		"zeros":   make([]byte, 512),
		"2.4 MB":  pages(2400 << 10),
		"a break": []byte("\n"),
	}
}

// TestBehindSomethingElse: containers are found wherever they begin.
func TestBehindSomethingElse(t *testing.T) {
	t.Parallel()
	evil := append(pages(300), eicarText()...)
	packed := gzipOf(t, evil)
	forms := map[string][]byte{
		"gzip":                 packed,
		"xz":                   xzOf(t, evil),
		"zstd":                 zstdOf(t, evil),
		"lz4":                  lz4Of(t, evil),
		"tar":                  tarOf(t, packed),
		"cpio":                 cpioOf(packed),
		"ar":                   arOf(packed),
		"zip64":                wide64(t),
		"7z":                   sevenOf([]byte{4, 1, 8}, deflated(t, evil), evil),
		"OLE":                  oleOf(oleStream{"a", wide64(t)}),
		"CD":                   isoOf(wide64(t)),
		"zip64 without an end": wide64(t)[:bytes.Index(wide64(t), []byte(zipEntry))],
	}
	var samples []sample
	for head, h := range heads() {
		for form, content := range forms {
			// What follows is no container's, and longer than any comment of a zip.
			samples = append(samples, sample{name: form + " behind " + head, content: join(h, content), want: infected},
				sample{name: form + " in the middle of " + head, content: join(h, content, pages(70<<10)), want: infected})
		}
	}
	try(t, samples)
}

// TestSearchTakesNoGuess: what only looks like a container is no reason to
// refuse a file.
func TestSearchTakesNoGuess(t *testing.T) {
	t.Parallel()
	text := pages(3000)
	try(t, []sample{
		{name: "magics of streams in a program", content: join(elf(), []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 \x28\xb5\x2f\xfd\x04\x22\x4d\x18 BZh91AY&SY \xfd7zXZ\x00"), text), want: "covered"},
		{name: "magics of containers in a program", content: join(elf(), []byte("ustar\x00 070701 !<arch>\n 7z\xbc\xaf\x27\x1c Rar!\x1a\x07\x00 PK\x03\x04 hsqs MSWIM\x00\x00\x00 MSCF\x00\x00\x00\x00 \x60\xea -lh5- \xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 CD001"), text), want: "covered"},
		{name: "a CD's mark in a program", content: join(elf(), pages(40<<10), []byte("\x01CD001\x01"), text), want: "covered"},
		{name: "a cut gzip in a program", content: join(elf(), gzipOf(t, text)[:500]), want: "covered"},
		{name: "a cut tar in text", content: join(text, tarOf(t, text)[:2000]), want: "covered"},
		{name: "text that speaks of begin 644", content: []byte("then\nbegin 644 is what it says\nand =ybegin line= too\n\\objdata\n"), want: "covered"},
		{name: "whole and harmless", content: join(elf(), gzipOf(t, text), tarOf(t, text), zipOf(t, zipped{name: "a", content: text, method: 8, wide: true})), want: "covered"},
		{name: "an encrypted 7z behind a program", content: join(elf(), fixture(t, "7z", "password.7z")), clamd: "Heuristics.Encrypted.7Zip", want: "encrypted"},
		{name: "a WIM behind a program", content: join(elf(), fixture(t, "other", "d.wim")), want: "unsupported-archive"},
		{name: "squashfs behind a program", content: join(elf(), squashHead()), want: "unsupported-archive"},
	})
}

func squashHead() []byte {
	return join([]byte("hsqs"), le(uint32(3), uint32(0), uint32(1<<17), uint32(1), uint16(1), uint16(17), uint16(0), uint16(1), uint16(4), uint16(0)), make([]byte, 64))
}

// isoOf is a CD image with one file.
func isoOf(content []byte) []byte {
	const sector = 2048
	both16 := func(v uint16) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 8), byte(v)} }
	both32 := func(v uint32) []byte {
		return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	}
	entry := func(at, size uint32, flags byte, name string) []byte {
		b := join([]byte{0, 0}, both32(at), both32(size), make([]byte, 7), []byte{flags, 0, 0}, both16(1), []byte{byte(len(name))}, []byte(name))
		if len(b)%2 == 1 {
			b = append(b, 0)
		}
		b[0] = byte(len(b))
		return b
	}
	sectors := uint32(20 + (len(content)+sector-1)/sector)
	out := make([]byte, sectors*sector)
	v := out[16*sector:]
	copy(v, "\x01CD001\x01")
	copy(v[8:], strings.Repeat(" ", 64))
	copy(v[80:], both32(sectors))
	copy(v[120:], both16(1))
	copy(v[124:], both16(1))
	copy(v[128:], both16(sector))
	copy(v[156:], entry(18, sector, 2, "\x00"))
	v[881] = 1
	copy(out[17*sector:], "\xffCD001\x01")
	copy(out[18*sector:], join(entry(18, sector, 2, "\x00"), entry(18, sector, 2, "\x01"), entry(20, uint32(len(content)), 0, "EVIL.BIN;1")))
	copy(out[20*sector:], content)
	return out
}

// over puts something into the first bytes of a CD image, or tar.
func over(head, image []byte) []byte {
	return join(head[:min(len(head), isoStart)], image[min(len(head), isoStart):])
}

// rawCDOf is an image of whole sectors.
func rawCDOf(image []byte) []byte {
	var out []byte
	for len(image) > 0 {
		out = append(out, "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x02\x00\x01"...)
		out = append(append(out, image[:2048]...), make([]byte, 288)...)
		image = image[2048:]
	}
	return out
}

// TestCDs: the engine takes a CD image for what its first bytes are, which are
// no part of its file system; and opens in it what it opens elsewhere.
func TestCDs(t *testing.T) {
	t.Parallel()
	packed, harmless := isoOf(gzipOf(t, eicarText())), isoOf(gzipOf(t, pages(500)))
	mbr := join(make([]byte, 446), []byte{0x80, 0, 1, 0, 0x17, 0, 0, 0}, le(uint32(0), uint32(100)), make([]byte, 48), []byte{0x55, 0xaa})
	html, zip := []byte("<html><body>hello</body></html>"), goZip(t, "a", pages(500))
	if alone(t, packed) != infected {
		t.Fatal("clamd does not open the CD image of this test")
	}
	try(t, []sample{
		{name: "harmless", content: harmless, want: "covered"},
		{name: "with an MBR, harmless", content: over(mbr, harmless), want: "covered"},
		{name: "with HTML, harmless", content: over(html, harmless), want: "covered"},
		{name: "with a zip64", content: isoOf(wide64(t)), want: infected},
		{name: "with an MBR and a zip64", content: over(mbr, isoOf(wide64(t))), want: infected},
		{name: "with HTML", content: over(html, packed), want: infected},
		{name: "with a zip", content: over(zip, packed), want: infected},
		{name: "with a tar", content: over(tarOf(t, pages(500)), packed), want: infected},
		{name: "with an ID3", content: over([]byte("ID3\x03"), packed), want: infected},
		{name: "behind a tar", content: join(tarOf(t, pages(500)), packed), want: infected},
		{name: "of whole sectors", content: rawCDOf(isoOf(wide64(t))), want: infected},
		{name: "of whole sectors, harmless", content: rawCDOf(harmless), want: "covered"},
	})
}

// TestTarsOfAnotherName: a tar begins with the name of its first member.
func TestTarsOfAnotherName(t *testing.T) {
	t.Parallel()
	var samples []sample
	for _, name := range []string{"MZ", "BM", "ID3", "OggS", "From: x", "<html>", "{\\rtf1", "%PDF-1.4", "7z", "\x7fELF"} {
		content := tarOf(t, pages(500), gzipOf(t, eicarText()))
		clear(content[:100])
		copy(content, name)
		sum := 0
		copy(content[148:], "        ")
		for _, b := range content[:tarBlock] {
			sum += int(b)
		}
		copy(content[148:], fmt.Sprintf("%06o\x00 ", sum))
		s := sample{name: name, content: content, want: infected, clamd: alone(t, content)}
		if s.clamd == infected { // it looks for ustar as well
			s.want = check(t, Checker{}, content)
		}
		samples = append(samples, s)
	}
	try(t, samples)
}

// TestIgnoredKinds: there are files that the engine does not look at, whatever
// is in them.
func TestIgnoredKinds(t *testing.T) {
	t.Parallel()
	var samples []sample
	for _, magic := range ignored {
		samples = append(samples, sample{name: fmt.Sprintf("%q", magic), content: join([]byte(magic), pages(100), eicarText()), want: infected},
			sample{name: fmt.Sprintf("%q, harmless", magic), content: join([]byte(magic), pages(1000)), want: "covered"},
			sample{name: fmt.Sprintf("%q and a zip", magic), content: join([]byte(magic), goZip(t, "a", eicarText())), want: infected})
	}
	try(t, samples)
}

// uuOf is what uuencode makes.
func uuOf(content []byte) []byte {
	out := []byte("begin 644 a\n")
	for len(content) > 0 {
		line := content[:min(45, len(content))]
		content = content[len(line):]
		out = append(out, byte(len(line))+' ')
		for len(line) > 0 {
			var three [3]byte
			line = line[copy(three[:], line):]
			v := uint(three[0])<<16 | uint(three[1])<<8 | uint(three[2])
			for shift := 18; shift >= 0; shift -= 6 {
				out = append(out, byte(v>>shift&63)+' ')
			}
		}
		out = append(out, '\n')
	}
	return append(out, "`\nend\n"...)
}

func yencOf(content []byte) []byte {
	out := fmt.Appendf(nil, "=ybegin line=128 size=%d name=a\r\n", len(content))
	for _, b := range content {
		if b += 42; b == 0 || b == '\n' || b == '\r' || b == '=' {
			out, b = append(out, '='), b+64
		}
		out = append(out, b)
	}
	return fmt.Appendf(out, "\r\n=yend size=%d\r\n", len(content))
}

func TestText(t *testing.T) {
	t.Parallel()
	packed, text := gzipOf(t, eicarText()), pages(300)
	rtf := func(b []byte) []byte {
		return []byte(`{\rtf1{\object\objemb{\*\objdata 0105` + hex.EncodeToString(b) + "}}}")
	}
	mail := string(mailOf(wide64(t)))
	try(t, []sample{
		{name: "uuencode", content: uuOf(wide64(t)), want: infected},
		{name: "uuencode in text", content: join(text, []byte("\n"), uuOf(packed)), want: infected},
		{name: "uuencode in a mail", content: join([]byte("From: a@example.com\r\nSubject: x\r\n\r\nhello\r\n"), uuOf(wide64(t))), want: infected},
		{name: "uuencode, harmless", content: join(text, []byte("\n"), uuOf(gzipOf(t, text))), want: "covered"},
		{name: "uuencode in base64", content: []byte("begin-base64 644 a\n" + base64.StdEncoding.EncodeToString(packed) + "\n====\n"), want: infected},
		{name: "yEnc", content: yencOf(packed), want: infected},
		{name: "yEnc, harmless", content: yencOf(gzipOf(t, text)), want: "covered"},
		{name: "object in a rich text", content: rtf(wide64(t)), want: infected},
		{name: "object in a rich text, harmless", content: rtf(goZip(t, "a", text)), want: "covered"},
		{name: "mail with another first line", content: []byte("DKIM-Signature: v=1\r\n" + mail), want: infected},
		{name: "mail behind a break", content: []byte("\r\n" + mail), want: infected},
		{name: "mail behind a byte order mark", content: []byte("\xef\xbb\xbf" + mail), want: infected},
		{name: "mail behind a line of something", content: []byte("% something\r\n" + mail), want: infected},
		{name: "second mail of a folder", content: []byte("From x Mon Jan  1 00:00:00 2024\nFrom: a@example.com\nSubject: x\n\nhello\n\nFrom y Mon Jan  1 00:00:00 2024\n" + mail), want: infected},
		{name: "mail in a mail", content: []byte("From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + mail), want: infected},
	})
}

// TestSeenOtherwise: forms that the engine opens nearly always.
func TestSeenOtherwise(t *testing.T) {
	t.Parallel()
	try(t, []sample{
		{name: "zip with offsets of its own behind a zip", content: join(goZip(t, "a", pages(500)), goZip(t, "a", eicarText())), want: infected},
		{name: "zip with offsets of its own behind a zip, harmless", content: join(goZip(t, "a", pages(500)), goZip(t, "b", pages(700))), want: "covered"},
		{name: "7z with BCJ alone", content: sevenOf([]byte{3, 3, 1, 3}, wide64(t), wide64(t)), want: infected},
	})
}
