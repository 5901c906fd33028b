package coverage

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// TestBase64InText: what programs decode that open a text.
func TestBase64InText(t *testing.T) {
	t.Parallel()
	long := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	lined := func(b []byte) string { return strings.Join(base64Lines(b), "\n") }
	bare := []struct {
		name          string
		before, after string
		encode        func([]byte) string
	}{
		{"data URI", `<html><body><a href="data:application/zstd;base64,`, `">x</a></body></html>`, long},
		{"data URI in capitals", `<svg xmlns="http://www.w3.org/2000/svg"><image href="DATA:image/png;BASE64,`, `"/></svg>`, long},
		{"data URI with escapes", `a{background:url(data:font/woff2;base64,`, `)}`, func(b []byte) string { return strings.NewReplacer("+", "%2B", "/", "%2f", "=", "%3D").Replace(long(b)) }},
		{"flat OpenDocument", `<?xml version="1.0"?><office:document><draw:object-ole><office:binary-data>`, `</office:binary-data></draw:object-ole></office:document>`, lined},
		{"flat OPC", `<?xml version="1.0"?><pkg:package><pkg:part pkg:name="/a"><pkg:binaryData>`, `</pkg:binaryData></pkg:part></pkg:package>`, lined},
		{"Word 2003", `<?xml version="1.0"?><w:wordDocument><w:docOleData><w:binData w:name="oledata.mso">`, `</w:binData></w:docOleData></w:wordDocument>`, lined},
		{"calendar", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:", "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", func(b []byte) string { return strings.ReplaceAll(lined(b), "\n", "\r\n ") }},
		{"card", "BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b;TYPE=JPEG:", "\r\nEND:VCARD\r\n", long},
		{"card of version 2.1", "BEGIN:VCARD\r\nPHOTO;BASE64;JPEG:", "\r\n\r\nEND:VCARD\r\n", lined},
		{"property list", "<?xml version=\"1.0\"?><plist><dict><key>a</key><data>\n", "\n</data></dict></plist>", lined},
		{"shell script", "#!/bin/sh\nbase64 -d <<EOF | zstd -d\n", "\nEOF\n", lined},
		{"JSON", `{"files":[{"content":"`, `"}]}`, func(b []byte) string { return strings.ReplaceAll(long(b), "/", `\/`) }},
		{"JSON with line ends", `{"files":[{"content":"`, `"}]}`, func(b []byte) string { return strings.ReplaceAll(lined(b), "\n", `\n`) }},
	}
	evil, calm := zstdOf(t, eicarText()), zstdOf(t, pages(1000))
	samples := []sample{
		{name: "marked, EICAR itself", content: []byte(bare[3].before + lined(join(eicarText(), pages(100))) + bare[3].after), want: infected},
		{name: "marked, harmless text", content: []byte(bare[3].before + lined(pages(1000)) + bare[3].after), want: "covered"},
		{name: "cut container", content: []byte(bare[0].before + long(goZip(t, "a", pages(3000))[:200]) + bare[0].after), want: "covered"},
		{name: "many pictures", content: []byte(strings.Repeat("a{background:url(data:image/png;base64,"+long(join(png, pages(60)))+")}\n", 300)), want: "covered"},
		{name: "text about it", content: []byte("Write data:text/plain;base64,SGVsbG8= or ;ENCODING=b: or <data> or UEsDB, H4sI and Qlpo.\n"), want: "covered"},
		{name: "second of two", content: []byte(bare[0].before + long(calm) + `"><a href="data:x/y;base64,` + long(evil) + bare[0].after), want: infected},
	}
	for _, b := range bare {
		samples = append(samples, sample{name: b.name, content: []byte(b.before + b.encode(evil) + b.after), want: infected},
			sample{name: b.name + ", harmless", content: []byte(b.before + b.encode(calm) + b.after), want: "covered"})
	}
	try(t, samples)
}

// binhexOf is a file with two forks in BinHex 4.0.
func binhexOf(data, resources []byte) []byte {
	crc := func(b []byte) []byte { return binary.BigEndian.AppendUint16(b, binhexCRC(b)) }
	head := append([]byte("\x01a\x00TEXTttxt\x00\x00"), binary.BigEndian.AppendUint32(nil, uint32(len(data)))...)
	raw := crc(binary.BigEndian.AppendUint32(head, uint32(len(resources))))
	raw = append(append(raw, crc(data)...), crc(resources)...)
	var packed []byte
	for i := 0; i < len(raw); i++ {
		times := 1
		for ; i+1 < len(raw) && raw[i+1] == raw[i] && times < 255; times++ {
			i++
		}
		if packed = append(packed, raw[i]); raw[i] == 0x90 {
			packed = append(packed, 0)
		}
		if times > 1 {
			packed = append(packed, 0x90, byte(times))
		}
	}
	out, bits, have := []byte(":"), uint32(0), uint(0)
	put := func() {
		if out = append(out, binhexAlphabet[bits>>(have-6)&63]); len(out)%65 == 64 {
			out = append(out, '\r', '\n')
		}
		have -= 6
	}
	for _, c := range packed {
		bits, have = bits<<8|uint32(c), have+8
		for have >= 6 {
			put()
		}
	}
	if have > 0 {
		bits, have = bits<<(6-have), 6
		put()
	}
	return fmt.Appendf(nil, "(This file must be converted with BinHex 4.0)\r\n\r\n%s:\r\n", out)
}

// TestBinHex: both forks (RFC 1741), alone and in a mail.
func TestBinHex(t *testing.T) {
	t.Parallel()
	evil, text := zstdOf(t, eicarText()), pages(1000)
	runs := bytes.Repeat([]byte("aaaaaaaa\x90\x90\x90\x00"), 50)
	hqx := binhexOf(evil, nil)
	try(t, []sample{
		{name: "data", content: hqx, want: infected},
		{name: "EICAR itself", content: binhexOf(eicarText(), nil), clamd: infected, want: infected},
		{name: "resources", content: binhexOf(text, evil), want: infected},
		{name: "runs", content: binhexOf(zipOf(t, zipped{name: "a", content: runs}), zstdOf(t, runs)), want: "covered"},
		{name: "harmless", content: binhexOf(zstdOf(t, text), text), want: "covered"},
		{name: "cut", content: binhexOf(text, nil)[:900], want: "damaged"},
		{name: "behind text", content: join(text, []byte("\n"), hqx), want: infected},
		{name: "old line ends", content: bytes.ReplaceAll(hqx, []byte("\r\n"), []byte("\r")), want: infected},
		{name: "in a mail", content: partOf("X-A: b", string(hqx)), want: infected},
		{name: "in a mail, harmless", content: partOf("X-A: b", string(binhexOf(text, nil))), want: "covered"},
		{name: "text about it", content: []byte("It begins with\n(This file must be converted with BinHex 4.0)\n: and then comes the file.\n"), want: "covered"},
	})
}

// TestYEncParts: a file in several articles, of which this is one.
func TestYEncParts(t *testing.T) {
	t.Parallel()
	parts := func(content []byte, total int) []byte {
		return bytes.Replace(bytes.Replace(yencOf(content), []byte("=ybegin line"), fmt.Appendf(nil, "=ybegin part=1 total=%d line", total), 1),
			[]byte("name=a\r\n"), fmt.Appendf(nil, "name=a\r\n=ypart begin=1 end=%d\r\n", len(content)), 1)
	}
	evil, calm := zstdOf(t, eicarText()), zstdOf(t, pages(500))
	try(t, []sample{
		{name: "one of one", content: parts(evil, 1), want: infected},
		{name: "one of one, harmless", content: parts(calm, 1), want: "covered"},
		{name: "one of three", content: parts(evil, 3), want: infected},
		{name: "one of three, harmless", content: parts(calm, 3), want: "covered"},
	})
}
