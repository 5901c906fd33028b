package coverage

// closed are containers that neither the engine nor this package opens, by
// magics that no other kind of file begins with. Disk images that hold file
// systems as they are stay out: the engine sees their content raw.
var closed = []struct {
	at   int
	text string
	name string
}{
	{0, "MSWIM\x00\x00\x00", "WIM image"},
	{0, "WLPWM\x00\x00\x00", "WIM image"},
	{0, "LRZI\x00", "lrzip"},
	{0, "RZIP\x02", "rzip"},
	{0, "\x89LZO\x00\r\n\x1a\n", "lzop"},
	{0, "zPQ", "zpaq"},
	{0, "7kSt", "zpaq"},
	{0, "\x1f\xa0", "lzh of compress"},
	{0, "\x1f\x1e\x00\x00", "pack"},
	{7, "**ACE**", "ACE archive"},
	{20, "\xdc\xa7\xc4\xfd", "zoo archive"},
	{0, "SIT!", "StuffIt archive"},
	{0, "StuffIt (c)", "StuffIt archive"},
	{0, "ALZ\x01", "ALZ archive"},
	{0, "EGGA\x00\x01", "EGG archive"},
	{0, "UFA\xc6\xd2\xc1", "UFA archive"},
	{0, "PEA\x01", "PEA archive"},
	{0, "KWAJ\x88\xf0\x27\xd1", "KWAJ"},
	{0, "hsqs", "squashfs"},
	{0, "sqsh", "squashfs"},
	{0, "\x45\x3d\xcd\x28", "cramfs"},
	{1024, "\xe2\xe1\xf5\xe0", "erofs"},
	{0, "QFI\xfb", "QCOW disk image"},
	{0, "KDMV", "VMDK disk image"},
	{0, "COWD", "VMDK disk image"},
	{0, "vhdxfile", "VHDX disk image"},
	{0, "conectix", "VHD disk image"},
	{0x40, "\x7f\x10\xda\xbe", "VDI disk image"},
	{0, "WithoutFreeSpace", "Parallels disk image"},
	{0, "WithouFreSpacExt", "Parallels disk image"},
	{0, "EVF\x09\r\n\xff\x00", "EnCase disk image"},
	{0, "CISO\x18\x00\x00\x00", "CISO image"},
	{0, "CISO\x00\x00\x00\x00", "CISO image"},
	{0, "DAA\x00\x00\x00", "DAA image"},
	{0, "!BDN", "Outlook folder"},
	{0, "ISc(", "InstallShield cabinet"},
	{0, "SZ\x20\x88\xf0\x27\x33\xd1", "SZDD of QBasic"},
	{0, "pbzz\x00\x00", "Apple archive"}, // pbzx is xz, which search finds
	{0, "pbz4\x00\x00", "Apple archive"},
	{0, "pbze\x00\x00", "Apple archive"},
	{0, "KGB_arch -", "KGB archive"},
	{0, "UBI#\x01\x00\x00\x00", "UBI image"},
	{0, "\x85\x19\x03\x20", "JFFS2"},
	{0, "\x85\x19\x01\xe0", "JFFS2"},
	{0, "\x85\x19\x02\xe0", "JFFS2"},
	{0, "bvx2", "LZFSE"},
	{0, "bvxn", "LZFSE"},
}
