package unpacktest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
)

// ArOf is an ar archive.
func ArOf(members ...[]byte) []byte {
	out := []byte("!<arch>\n")
	for i, m := range members {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", fmt.Sprintf("m%d/", i), 0, 0, 0, "100644", len(m))
		if out = append(out, m...); len(m)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

// CpioOf is a cpio archive of one member in the newc format.
func CpioOf(content []byte) []byte {
	entry := func(name string, content []byte) []byte {
		h := fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00", 1, 0o100644, 0, 0, 1, 0,
			len(content), 0, 0, 0, 0, len(name)+1, 0, name)
		return append(Pad4(h), Pad4(content)...)
	}
	return append(entry("a", content), entry("TRAILER!!!", nil)...)
}

// RpmOf is an RPM with empty headers.
func RpmOf(payload []byte) []byte {
	header := append([]byte("\x8e\xad\xe8\x01"), make([]byte, 12)...)
	return Join([]byte("\xed\xab\xee\xdb"), make([]byte, 92), header, header, payload)
}

// Bzip2Eicar is EICAR in bzip2, for which no library here has a writer. Every byte of
// it is changed in this file, so that nothing in the repository is infected.
func Bzip2Eicar(t *testing.T) []byte {
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

// MailOf is a message with one attachment.
func MailOf(content []byte) []byte {
	return []byte("From: a@example.com\r\nSubject: x\r\nMIME-Version: " +
		"1.0\r\nContent-Type: multipart/mixed; boundary=\"q\"\r\n\r\n" +
		"--q\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--q\r\nContent-Type: application/octet-stream; name=\"a\"\r\n" +
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"a\"\r\n\r\n" +
		strings.Join(slices.Collect(Lines(base64.StdEncoding.EncodeToString(content))), "\r\n") + "\r\n--q--\r\n")
}

// Lines are parts of s of 76 bytes.
func Lines(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for ; len(s) > 76; s = s[76:] {
			if !yield(s[:76]) {
				return
			}
		}
		yield(s)
	}
}

// CabHead is the header of a cabinet that announces a size.
func CabHead(size uint32, flags uint16) []byte {
	return Join(
		[]byte("MSCF\x00\x00\x00\x00"),
		LE(size, uint32(0), uint32(44), uint32(0), uint8(3), uint8(1), uint16(0), uint16(0), flags, uint32(0)),
		make([]byte, 64),
	)
}

// IsoHead is the beginning of a CD image that announces a number of sectors.
func IsoHead(sectors uint32) []byte {
	b := make([]byte, 40<<10)
	copy(b[32<<10:], "\x01CD001\x01")
	copy(b[32<<10+80:], LE(sectors))
	copy(b[32<<10+128:], LE(uint16(2048)))
	return b
}
