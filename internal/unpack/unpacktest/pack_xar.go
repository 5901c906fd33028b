package unpacktest

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// XarOf is a XAR of one file in a folder.
func XarOf(t testing.TB, style string, packed []byte) []byte {
	t.Helper()
	xml := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><xar><toc>`+
		`<file id="1"><name>d</name><type>directory</type><file id="2"><data><length>%d</length><encoding style="%s"/>`+
		`<offset>20</offset><size>1</size></data><name>a</name></file></file></toc></xar>`, len(packed), style)
	table := ZlibOf(t, []byte(xml))
	be := binary.BigEndian
	h := be.AppendUint64([]byte("xar!\x00\x1c\x00\x01"), uint64(len(table)))
	h = be.AppendUint32(be.AppendUint64(h, uint64(len(xml))), 1)
	return Join(h, table, make([]byte, 20), packed)
}
