package unpacktest

import (
	"encoding/binary"
)

// SignedCMS is a signed message in BER whose content is in several strings.
func SignedCMS(content []byte) []byte {
	out := []byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00" +
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80")
	for len(content) > 0 {
		part := content[:min(40, len(content))]
		content = content[len(part):]
		out = append(binary.BigEndian.AppendUint16(append(out, 0x04, 0x82), uint16(len(part))), part...)
	}
	return append(out, "\x00\x00\x00\x00\x00\x00\x31\x00\x00\x00\x00\x00\x00\x00"...)
}
