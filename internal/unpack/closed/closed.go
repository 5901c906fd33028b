// Package closed recognises files that neither the engine nor any package here can
// open, so that they are refused and not called clean: archives without a decoder,
// disks and file systems, encrypted files, and parts of split archives that are
// recognised by their names alone.
package closed

import (
	"github.com/lazaret/lazaret/internal/unpack"
)

// row is a kind of file, recognised by a magic that no other kind begins with.
type row struct {
	at         int // offset of text, in bytes
	text, name string
	encrypted  bool
}

// Formats are the kinds in the tables archives and encryptedFiles, and volumes.
func Formats() []unpack.Format {
	var all []unpack.Format
	marks := marks()
	for _, r := range append(archives(), encryptedFiles()...) {
		all = append(all, unpack.Format{
			Name:   r.name,
			Magics: []unpack.Magic{{At: r.at, Text: r.text}},
			Walk:   func(*unpack.Visitor, unpack.Content) error { return r.refusal() },
			Marks:  marks[r.text],
		})
	}
	return append(all, volume())
}

func (r row) refusal() error {
	if r.encrypted {
		return unpack.Encrypted("%s", r.name)
	}
	return unpack.Unsupported("%s", r.name)
}

// archives are containers that neither the engine nor any package here opens: there is
// no well-kept library that reads them, and they are hardly ever uploaded.
func archives() []row {
	return []row{
		{text: "MSWIM\x00\x00\x00", name: "WIM image"},
		{text: "WLPWM\x00\x00\x00", name: "WIM image"},
		{text: "LRZI\x00", name: "lrzip"},
		{text: "RZIP\x02", name: "rzip"},
		{text: "\x89LZO\x00\r\n\x1a\n", name: "lzop"},
		{text: "zPQ", name: "zpaq"},
		{text: "7kSt", name: "zpaq"},
		{text: "\x1f\xa0", name: "lzh of compress"},
		{text: "\x1f\x1e\x00\x00", name: "pack"},
		{at: 7, text: "**ACE**", name: "ACE archive"},
		{at: 20, text: "\xdc\xa7\xc4\xfd", name: "zoo archive"},
		{text: "SIT!", name: "StuffIt archive"},
		{text: "StuffIt (c)", name: "StuffIt archive"},
		{text: "ALZ\x01", name: "ALZ archive"},
		{text: "EGGA\x00\x01", name: "EGG archive"},
		{text: "UFA\xc6\xd2\xc1", name: "UFA archive"},
		{text: "PEA\x01", name: "PEA archive"},
		{text: "KWAJ\x88\xf0\x27\xd1", name: "KWAJ"},
		{text: "hsqs", name: "squashfs"},
		{text: "sqsh", name: "squashfs"},
		{text: "\x45\x3d\xcd\x28", name: "cramfs"},
		{at: 1024, text: "\xe2\xe1\xf5\xe0", name: "erofs"},
		{text: "QFI\xfb", name: "QCOW disk image"},
		{text: "KDMV", name: "VMDK disk image"},
		{text: "COWD", name: "VMDK disk image"},
		{text: "vhdxfile", name: "VHDX disk image"},
		{text: "conectix", name: "VHD disk image"},
		{at: 0x40, text: "\x7f\x10\xda\xbe", name: "VDI disk image"},
		{text: "WithoutFreeSpace", name: "Parallels disk image"},
		{text: "WithouFreSpacExt", name: "Parallels disk image"},
		{text: "EVF\x09\r\n\xff\x00", name: "EnCase disk image"},
		{text: "CISO\x18\x00\x00\x00", name: "CISO image"},
		{text: "CISO\x00\x00\x00\x00", name: "CISO image"},
		{text: "DAA\x00\x00\x00", name: "DAA image"},
		{text: "!BDN", name: "Outlook folder"},
		{text: "ISc(", name: "InstallShield cabinet"},
		{text: "SZ\x20\x88\xf0\x27\x33\xd1", name: "SZDD of QBasic"},
		{text: "pbzz\x00\x00", name: "Apple archive"}, // pbzx holds xz, which a search finds
		{text: "pbz4\x00\x00", name: "Apple archive"},
		{text: "pbze\x00\x00", name: "Apple archive"},
		{text: "KGB_arch -", name: "KGB archive"},
		{text: "UBI#\x01\x00\x00\x00", name: "UBI image"},
		{text: "\x85\x19\x03\x20", name: "JFFS2"},
		{text: "\x85\x19\x01\xe0", name: "JFFS2"},
		{text: "\x85\x19\x02\xe0", name: "JFFS2"},
		{text: "bvx2", name: "LZFSE"},
		{text: "bvxn", name: "LZFSE"},
		{text: "BZ3v1", name: "bzip3"},
		{text: "\x05\x22\x4d\x18", name: "LZ5"},
		{text: "\x06\x22\x4d\x18", name: "Lizard"},
		{text: "ArC\x01", name: "FreeArc archive"},
		{text: "UHA\x06", name: "UHARC archive"},
		{text: "bvx1", name: "LZFSE"},
	}
}

// encryptedFiles are the magics of encrypted files that are no archives. They are so
// long that hardly any other file begins with one by chance.
func encryptedFiles() []row {
	return []row{
		{text: "Salted__", name: "openssl enc", encrypted: true},
		{text: "U2FsdGVkX1", name: "openssl enc in base64", encrypted: true}, // "Salted__" and the first bits of the salt
		{text: "age-encryption.org/v1\n", name: "age", encrypted: true},
		{text: "-----BEGIN AGE ENCRYPTED FILE-----", name: "age", encrypted: true},
		{text: "\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", name: "KeePass database", encrypted: true},
		{text: "\x03\xd9\xa2\x9a\x66\xfb\x4b\xb5", name: "KeePass database", encrypted: true},
		{text: "\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", name: "KeePass database", encrypted: true},
		{text: "$ANSIBLE_VAULT;", name: "Ansible vault", encrypted: true},
		{text: "\x00GITCRYPT\x00", name: "git-crypt", encrypted: true},
		{text: "VimCrypt~", name: "text encrypted by Vim", encrypted: true},
		{text: "scrypt\x00", name: "scrypt enc", encrypted: true},
		{text: "AES\x01\x00", name: "AES Crypt", encrypted: true},
		{text: "AES\x02\x00", name: "AES Crypt", encrypted: true},
		{text: "AES\x03\x00", name: "AES Crypt", encrypted: true},
		{
			text: "\xc0\xb9\x07\x2e\x4f\x93\xf1\x46\xa0\x15\x79\x2c\xa1\xd9\xe8\x21", name: "AxCrypt", encrypted: true,
		},
		{text: "encrcdsa\x00\x00\x00", name: "encrypted disk image", encrypted: true}, // macOS, version 2
	}
}
