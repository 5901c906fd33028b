package verify

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	files "github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// sample is an object of a run and the verdict that it must get.
type sample struct {
	name    string
	content []byte
	want    job.Verdict
}

// The samples' names.
const (
	clean     = "clean.txt"
	infected  = "eicar.com"
	zip64     = "eicar-zip64.zip"
	mail      = "eicar-mail.eml"
	encrypted = "encrypted.zip"
	judged    = "judged.zip" // encrypted, too; checks try to change its verdict
)

// samples returns objects whose bytes no other run has, so that no cache of an engine and no object in the clean bucket
// decides their verdicts. EICAR itself and the encrypted archive are always the same.
func samples(run string) []sample {
	return []sample{
		{clean, cleanText(run, clean), job.Clean},
		{infected, eicar.Bytes(), job.Infected},
		{zip64, zip64With("eicar.com", eicar.Bytes(), "run "+run), job.Infected},
		{mail, mailWith("eicar.com", eicar.Bytes(), run), job.Infected},
		{encrypted, files.Encrypted(), job.Unscannable},
		{judged, files.Encrypted(), job.Unscannable},
	}
}

// cleanText returns a text that no other run has.
func cleanText(run, name string) []byte {
	return fmt.Appendf(nil, "lazaret verify, run %s: %s, nothing to see here.\n", run, name)
}

// slowText returns a text that no other run has, for which a scan takes longer with each try: about 50 bytes, then 1,
// 4, 9 and 16 MB.
func slowText(run, name string, try int) []byte {
	text := cleanText(run, name)
	return bytes.Repeat(text, 1+try*try*1_000_000/len(text))
}

// infectedZip returns a zip of EICAR and a text that no other run has.
func infectedZip(run, name string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for member, content := range map[string][]byte{"eicar.com": eicar.Bytes(), "note.txt": cleanText(run, name)} {
		f, err := w.Create(member)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			panic(err) // writes into memory do not fail
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// mailWith returns a mail with an attachment.
func mailWith(name string, content []byte, run string) []byte {
	return fmt.Appendf(
		nil,
		"From: verify@example.org\r\nTo: harbour@example.org\r\nSubject: %s\r\nMIME-Version: 1.0\r\n"+
			"Content-Type: multipart/mixed; boundary=\"b-%[1]s\"\r\n\r\n"+
			"--b-%[1]s\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n"+
			"--b-%[1]s\r\nContent-Type: application/octet-stream; name=\"%[2]s\"\r\n"+
			"Content-Transfer-Encoding: base64\r\n"+
			"Content-Disposition: attachment; filename=\"%[2]s\"\r\n\r\n%[3]s\r\n--b-%[1]s--\r\n",
		run,
		name,
		base64.StdEncoding.EncodeToString(content),
	)
}

// zip64With returns a zip of one deflated member whose sizes are in zip64 fields only, in both headers, as in archives
// of programs that do not know the sizes in advance (APPNOTE 4.5.3).
func zip64With(name string, content []byte, comment string) []byte {
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // writes into memory do not fail
	}
	const version, method, deferred = 45, 8, 0xffffffff
	sizes := binary.LittleEndian.AppendUint64(nil, uint64(len(content)))
	sizes = binary.LittleEndian.AppendUint64(sizes, uint64(deflated.Len()))
	extra := append([]byte{1, 0, byte(len(sizes)), 0}, sizes...)

	// The fields of both headers, from the version needed to the lengths of name and extra.
	field := binary.LittleEndian.AppendUint16(nil, version)
	field = append(field, 0, 0, method, 0, 0, 0, 0x21, 0) // flags, method, time, date (1980-01-01)
	field = binary.LittleEndian.AppendUint32(field, crc32.ChecksumIEEE(content))
	field = binary.LittleEndian.AppendUint32(field, deferred)
	field = binary.LittleEndian.AppendUint32(field, deferred)
	field = binary.LittleEndian.AppendUint16(field, uint16(len(name)))
	field = binary.LittleEndian.AppendUint16(field, uint16(len(extra)))

	b := append([]byte("PK\x03\x04"), field...)
	b = append(append(b, name...), extra...)
	b = append(b, deflated.Bytes()...)
	directory := len(b)
	b = append(append(b, "PK\x01\x02"...), version, 0)
	b = append(b, field...)
	b = append(b, make([]byte, 14)...) // no comment, first disk, no attributes, the first header at 0
	b = append(append(b, name...), extra...)
	size := len(b) - directory
	b = append(b, "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(directory))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(comment)))
	return append(b, comment...)
}
