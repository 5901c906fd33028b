package coverage

import (
	"errors"
	"io"
)

// form is a kind of container. walk gives every member in it to walk.stream or
// walk.region and returns a refusal if it cannot reach them all.
type form struct {
	name string
	walk func(*walk, node) error
	// owns: walk accounts for every byte. Other forms may have anything between
	// their parts, or after them.
	owns bool
}

// magic is how a form begins.
type magic struct {
	at   int
	text string
	form form
}

// headSize is as far as the magics of magics reach.
const headSize = 1028

// recognise returns the forms that somebody may take n for. It reads n's first
// and last bytes, no more, and looks at no name.
func recognise(n node) ([]form, error) {
	var buf [headSize]byte
	got, err := n.r.ReadAt(buf[:min(headSize, max(n.size, 0))], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head := buf[:got]
	var forms []form
	for _, m := range magics {
		if len(head) >= m.at+len(m.text) && string(head[m.at:m.at+len(m.text)]) == m.text {
			forms = append(forms, m.form)
		}
	}
	known := len(forms) > 0
	for _, t := range testers {
		if (!known || t.always) && t.is(n, head) {
			forms = append(forms, t.form)
		}
	}
	// A zip is known by its end, so that it can follow anything.
	if len(forms) == 0 || forms[0].name != zipForm.name {
		if zip, err := endsAsZip(n); err != nil {
			return nil, err
		} else if zip {
			forms = append(forms, zipForm)
		}
	}
	return forms, nil
}

var (
	zipForm = form{name: "zip", owns: true}
	tarForm = form{name: "tar", owns: true}
	oleForm = form{name: "ole"}
	isoForm = form{name: "iso"}
)

func init() { // the forms open members, whose forms are these: a cycle of values
	zipForm.walk = walkZip
	tarForm.walk = walkTar
	oleForm.walk = walkOLE
	isoForm.walk = walkISO
	magics = []magic{
		{0, "PK\x03\x04", zipForm},
		{0, "PK\x05\x06", zipForm},
		{0, "PK\x07\x08PK", form{"zip", split("zip"), true}},
		{0, "PK00PK\x03\x04", zipForm}, // meant to be split, and in one piece after all (APPNOTE 8.5.4)
		{0, "\x1f\x8b", form{"gzip", walkGzip, true}},
		{0, "BZh", packed("bzip2", openBzip2, false)},
		{0, "\xfd7zXZ\x00", packed("xz", openXZ, true)},
		{0, "7z\xbc\xaf\x27\x1c", form{"7z", walk7z, true}},
		{0, "\x28\xb5\x2f\xfd", packed("zstd", openZstd, false)},
		{0, "\x04\x22\x4d\x18", packed("lz4", openLZ4, false)},
		{0, "\x02\x21\x4c\x18", packed("lz4", openLZ4, false)},
		{0, "\x1f\x9d", packed("compress", openZ, false)},
		{0, "LZIP\x01", packed("lzip", openLzip, false)},
		{0, "\xff\x06\x00\x00sNaPpY", packed("snappy", openSnappy, false)},
		{0, "\xff\x06\x00\x00S2sTwO", packed("snappy", openSnappy, false)},
		{0, "SZDD\x88\xf0\x27\x33A", packed("SZDD", openSZDD, true)},
		{0, zisofsMagic, packed("zisofs", openZisofs, false)},
		{0, "ANDROID BACKUP\n", form{"Android backup", walkAndroid, true}},
		{0, "HG10GZ", form{"Mercurial bundle", walkHg, true}},
		{0, gitMagic, form{"git pack", walkGit, false}},
		{0, "xar!\x00", form{"XAR", walkXAR, false}},
		{257, "ustar", tarForm},
		{0, rar4Magic, form{"rar", walkRAR, false}},
		{0, rar5Magic, form{"rar", walkRAR, false}},
		{0, "!<arch>\n", form{"ar", walkAr, true}},
		{0, "070701", form{"cpio", walkCpio, true}},
		{0, "070702", form{"cpio", walkCpio, true}},
		{0, "070707", form{"cpio", walkCpio, true}},
		{0, "\xed\xab\xee\xdb", form{"rpm", walkRPM, true}},
		{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", oleForm},
		{0, "MSCF\x00\x00\x00\x00", form{"cabinet", walkCab, false}},
		{0, "%PDF-", form{"pdf", walkPDF, false}},
	}
	for _, text := range ignored {
		magics = append(magics, magic{0, text, form{"ignored", walkIgnored, true}})
	}
	for _, c := range closed {
		magics = append(magics, magic{c.at, c.text, form{c.name, cannotOpen(c.name), true}})
	}
	for _, s := range sealed {
		magics = append(magics, magic{0, s.text, form{s.name, cannotDecrypt(s.name), true}})
	}
	for _, text := range []string{armorPGP, armorCMS, armorP7} {
		magics = append(magics, magic{0, text, form{"armored", walkArmored, false}})
	}
	testers = []tester{
		{isCMS, form{"CMS", cannotDecrypt("CMS"), true}, false},
		{isSignedCMS, form{"signed CMS", walkSignedCMS, false}, false},
		{isPGP, form{pgpForm, walkPGP, false}, false},
		{beginsAsARJ, form{"ARJ", walkARJ, true}, false},
		{isISO, isoForm, true},
		{isTar, tarForm, true},
		{isMail, form{"mail", walkMail, false}, false},
		{isLZMA, form{"lzma", walkLZMA, true}, false},
		{isZlib, form{"zlib", walkZlib, false}, false},
		{isLatePDF, form{"pdf", walkLatePDF, false}, false},
		{isCompressedFlash, form{"flash", walkFlash, false}, true},
		{isRawCD, form{"raw CD image", walkRawCD, false}, true},
		{isVolume, form{"volume", walkVolume, false}, true},
	}
	addSigns()
}

var magics []magic

// tester recognises a form that has no magic.
type tester struct {
	is     func(n node, head []byte) bool
	form   form
	always bool // also where something else has a magic
}

var testers []tester

// enter opens a form. What a decoder does with hostile bytes ends here.
func (w *walk) enter(f form, n node) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = damaged("%s: decoder gave up: %v", f.name, cause)
		}
	}()
	return f.walk(w, n)
}

// split refuses one volume of several, whose members may begin or end in another.
func split(name string) func(*walk, node) error {
	return func(*walk, node) error { return unsupported("a part of a split %s archive", name) }
}

// cannotOpen refuses a form that neither the engine nor this package can open.
func cannotOpen(name string) func(*walk, node) error {
	return func(*walk, node) error { return unsupported("%s", name) }
}
