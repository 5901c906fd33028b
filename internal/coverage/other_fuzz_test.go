package coverage

import (
	"bytes"
	"encoding/base64"
	"testing"
)

// FuzzArchives: ar, cpio and RPM.
func FuzzArchives(f *testing.F) {
	text := pages(300)
	cpio := cpioOf(text)
	old := []byte("0707070000010000020000000000000000010000000000000000000000200000000005a\x00hello" +
		"0707070000010000020000000000000000010000000000000000000001300000000000TRAILER!!!\x00")
	seed(f, arOf(text, gzipOf(f, text)), cpio, cpioOf(zstdOf(f, text)), old, join(cpio, make([]byte, 512), gzipOf(f, cpio)), rpmOf(gzipOf(f, cpio)),
		arOf([]byte("2.0\n"), xzOf(f, tarOf(f, text))))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, walkAr)
		walked(t, content, walkCpio)
		rpm := walked(t, content, walkRPM)
		if len(content) < 96+2*16+1 && rpm.refused == nil {
			t.Fatalf("covered an RPM of %d bytes, less than its headers and a payload", len(content))
		}
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}

// FuzzDocuments: PDF and mail.
func FuzzDocuments(f *testing.F) {
	text := pages(300)
	inner := bytes.ReplaceAll(mailOf(gzipOf(f, text)), []byte("\"q\""), []byte("\"r\""))
	seed(f, pdfOf(text), []byte("%PDF-1.5\n1 0 obj\n<< /Linearized 1 /L 90000 /O 3 >>\nendobj\nstartxref\n0\n%%EOF\n"), mailOf(zipOf(f, zipped{name: "a", content: text})),
		join([]byte("From a@example.com Mon Jan  1 00:00:00 2026\n"), mailOf(text)), mailOf(inner),
		[]byte("Subject: x\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=\nc\n"),
		pdfFile(attached+"/Filter[/A85/Fl]/DecodeParms 5 0 R", zlibOf(f, text), "", "<</Predictor 15/Columns 10>>"),
		pdfFile("/Desc(a\\(b)/Filter/LZW", runLengthOf(text), ""), pdfFile("/Filter 5 0 R", runLengthOf(text), "/Encrypt<</Filter/Standard/V 4/R 4/O(a)/U(b)/P -4>>", "/RL"))
	f.Fuzz(func(t *testing.T, content []byte) {
		pdf := walked(t, content, walkPDF)
		if pdf.refused == nil && !bytes.Contains(content, []byte("%%EOF")) && !bytes.Contains(content, []byte("startxref")) {
			t.Fatal("covered a PDF without its end")
		}
		walked(t, content, walkMail)
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}

// FuzzImages: what is looked at and not unpacked here: cabinets, CD images,
// programs and scripts with something behind them.
func FuzzImages(f *testing.F) {
	text := pages(300)
	seed(f, cabHead(100, 0), cabHead(3000, 0), cabHead(100, 2), isoHead(20)[isoStart-64:], join(elf(), rar4Probe()), join(elf(), rar5Probe()),
		join(elf(), sevenOf([]byte{0}, text, text)), join([]byte("#!/bin/sh\nexit\n"), gzipOf(f, text)), join([]byte("#!/bin/sh\n"), zstdOf(f, text)))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, walkCab)
		walked(t, content, func(w *walk, n node) error { return w.search(n, "embedded", 0, n.size) })
		image := make([]byte, isoStart-64, isoStart-64+len(content))
		walked(t, append(image, content...), walkISO)
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}

// FuzzSealed: OpenPGP, armor and ARJ.
func FuzzSealed(f *testing.F) {
	text := pages(300)
	literal := literalPGP(text)
	seed(f, literal, partsPGP(pages(2000)), compressedPGP(f, 1, literal), compressedPGP(f, 2, partsPGP(text)), armored("PGP MESSAGE", literal),
		join(packetPGP(pgpSharedSession, []byte("\x04\x09\x03\x0212345678\x60")), packetPGP(pgpSealed, text)), arjOf(0, text), arjOf(arjGarbled, text))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, walkPGP)
		walked(t, content, walkArmored)
		walked(t, content, walkARJ)
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}

// FuzzText: files that text carries.
func FuzzText(f *testing.F) {
	text := pages(300)
	packed := gzipOf(f, text)
	seed(f, uuOf(packed), yencOf(packed), signedCMS(packed), binhexOf(packed, text), binhexOf(text, nil)[:200], []byte("<a href=\"data:a/b;base64,"+base64.StdEncoding.EncodeToString(packed)+"\">"),
		[]byte("PHOTO;ENCODING=b;TYPE=JPEG:"+base64.StdEncoding.EncodeToString(text)), []byte("x UEsDB%2f\\/&#10;UEsDB"+base64.StdEncoding.EncodeToString(text)))
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, func(w *walk, n node) error { return w.search(n, "embedded", 0, n.size) })
		walked(t, content, func(w *walk, n node) error { return w.look(n) })
	})
}
