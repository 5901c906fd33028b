package ole

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/richardlehane/mscfb"

	"github.com/lazaret/lazaret/internal/unpack"
)

// encryption refuses a document that is encrypted, by the name of one stream and the
// first bytes of it.
func encryption(name string, head []byte) error {
	switch name {
	case "EncryptedPackage", "EncryptedSummary": // MS-OFFCRYPTO, 2.3.4.4 and 2.3.5.4
		return unpack.Encrypted("encrypted Office document")
	case "FileHeader":
		if isHangul(head) && head[hangulFlags]&hangulEncrypted != 0 {
			return unpack.Encrypted("encrypted Hangul document")
		}
	case "WordDocument": // fEncrypted in FibBase (MS-DOC, 2.5.2)
		const flags, fEncrypted = 10, 0x0100
		if len(head) >= flags+2 && binary.LittleEndian.Uint16(head[flags:])&fEncrypted != 0 {
			return unpack.Encrypted("encrypted Word document")
		}
	case "Workbook", "Book":
		if hasFilePass(head) {
			return unpack.Encrypted("encrypted Excel workbook")
		}
	case "Current User": // headerToken in CurrentUserAtom (MS-PPT, 2.3.2)
		const token, encrypted = 12, 0xf3d1c4df
		if len(head) >= token+4 && binary.LittleEndian.Uint32(head[token:]) == encrypted {
			return unpack.Encrypted("encrypted PowerPoint presentation")
		}
	}
	if strings.HasSuffix(name, "EncryptionInfo") {
		return unpack.Encrypted("encrypted Office document")
	}
	return nil
}

// hasFilePass reports whether a FilePass record (MS-XLS, 2.4.117) is among the records
// in front of the first sheet.
func hasFilePass(head []byte) bool {
	const recordHeader, filePass, boundSheet = 4, 0x2f, 0x85
	le := binary.LittleEndian
	for at := 0; at+recordHeader <= len(head); {
		kind, size := le.Uint16(head[at:]), int(le.Uint16(head[at+2:]))
		switch kind {
		case filePass:
			return true
		case 0, boundSheet:
			return false
		}
		at += recordHeader + size
	}
	return false
}

// The header of a Hangul document ("Hangul Document File Formats 5.0", 3.2.1).
const (
	hangulSignature  = "HWP Document File"
	hangulHeader     = 40 // bytes
	hangulFlags      = 36 // their offset
	hangulCompressed = 1
	hangulEncrypted  = 2
)

func isHangul(head []byte) bool {
	return len(head) >= hangulHeader && bytes.HasPrefix(head, []byte(hangulSignature))
}

// hasCompressedStreams reports whether a document is one of Hangul that compresses its
// streams with deflate.
func hasCompressedStreams(files []*mscfb.File) bool {
	for _, f := range files {
		if f.Name != "FileHeader" || f.Size < hangulHeader {
			continue
		}
		head, err := headOf(f)
		return err == nil && isHangul(head) && head[hangulFlags]&hangulCompressed != 0
	}
	return false
}
