package encoded

import (
	"encoding/binary"
	"fmt"
)

// BinHexOf returns a file with two forks in BinHex 4.0.
func BinHexOf(data, resources []byte) []byte {
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
