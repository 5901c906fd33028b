package coverage

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// xarOf is a XAR of one file in a folder.
func xarOf(t testing.TB, style string, packed []byte) []byte {
	t.Helper()
	xml := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><xar><toc><file id="1"><name>d</name><type>directory</type><file id="2"><data>`+
		`<length>%d</length><encoding style="%s"/><offset>20</offset><size>1</size></data><name>a</name></file></file></toc></xar>`, len(packed), style)
	table := zlibOf(t, []byte(xml))
	be := binary.BigEndian
	h := be.AppendUint64([]byte("xar!\x00\x1c\x00\x01"), uint64(len(table)))
	h = be.AppendUint32(be.AppendUint64(h, uint64(len(xml))), 1)
	return join(h, table, make([]byte, 20), packed)
}

func TestXAR(t *testing.T) {
	t.Parallel()
	text, evil := pages(3000), zstdOf(t, eicarText())
	const gz, raw = "application/x-gzip", "application/octet-stream"
	try(t, []sample{
		{name: "zlib", content: xarOf(t, gz, zlibOf(t, text)), want: "covered"},
		{name: "zlib with a zstd, infected", content: xarOf(t, gz, zlibOf(t, evil)), want: infected},
		{name: "xz with a zstd, infected", content: xarOf(t, "application/x-xz", xzOf(t, evil)), want: infected},
		{name: "xz", content: xarOf(t, "application/x-xz", xzOf(t, text)), want: "covered"},
		{name: "stored", content: xarOf(t, raw, text), want: "covered"},
		{name: "stored with a base64 mail, infected", content: xarOf(t, raw, mailOf(evil)), want: infected},
		{name: "unknown method", content: xarOf(t, "application/x-unknown", text), want: "unsupported-archive"},
		{name: "zlib cut", content: xarOf(t, gz, zlibOf(t, text))[:800], want: "damaged"},
		{name: "zlib with a bit flipped", content: flipped(xarOf(t, gz, zlibOf(t, text)), 800), want: "damaged"},
		{name: "lzma behind a script, infected", content: join([]byte("#!/bin/sh\nexit\n"), lzmaOf(t, eicarText())), want: infected},
		{name: "lzma behind a script", content: join([]byte("#!/bin/sh\nexit\n"), lzmaOf(t, text)), want: "covered"},
	})
}

// FuzzXAR: XAR.
func FuzzXAR(f *testing.F) {
	text := pages(300)
	seed(f, xarOf(f, "application/x-gzip", zlibOf(f, text)), xarOf(f, "", text), xarOf(f, "application/x-xz", xzOf(f, text)), xarOf(f, "application/x-lzma", lzmaOf(f, text)))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, walkXAR)
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}
