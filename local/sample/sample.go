// Package sample makes the files that the demo and the whole-machine tests
// upload, one for each thing that may become of a file, with the verdict that
// each must get under the test definitions (EICAR and nothing else). Nothing in
// it is malware: EICAR is the text that engines agree to report.
package sample

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
)

// Sample is a file with what must become of it.
type Sample struct {
	Key     string
	Content []byte
	Tags    int // of the uploader's own
	Want    Outcome
}

// Outcome is a verdict with its signature or reason; or, where Error is set, a
// dead letter with that error.
type Outcome struct {
	Verdict   job.Verdict
	Signature string
	Reason    job.Reason
	Engine    string
	Error     string
}

var (
	clean     = Outcome{Verdict: job.Clean, Engine: "clamd"}
	unlooked  = Outcome{Verdict: job.Clean, Engine: "none"}
	infected  = Outcome{Verdict: job.Infected, Signature: definitions.TestSignature, Engine: "clamd"}
	deadLimit = Outcome{Error: job.Name(job.ErrTagLimit)}
)

func unscannable(r job.Reason) Outcome {
	return Outcome{Verdict: job.Unscannable, Reason: r, Engine: "clamd"}
}

// encrypted is a zip of a harmless text under a password (ZipCrypto); see
// internal/clamav/testdata/encrypted/README.md.
//
//go:embed encrypted.zip
var encrypted []byte

// Encrypted is the encrypted zip.
func Encrypted() []byte { return encrypted }

// All returns every sample. Their content is made anew at each call.
func All() []Sample {
	tooDeep := Text("at the bottom")
	for range clamav.DefaultLimits().Recursion + 3 {
		tooDeep = Zip(map[string][]byte{"inner.zip": tooDeep})
	}
	return []Sample{
		{"clean/letter.txt", Text("Dear harbour master"), 0, clean},
		{"clean/chart.png", PNG(), 0, clean},
		{"clean/bill of lading.pdf", PDF(), 0, clean},
		{"clean/empty", nil, 0, unlooked},
		{"clean/three bytes", []byte("abc"), 0, unlooked},
		{"clean/nine tags of its own", Text("tagged"), 9, clean},
		{"odd keys/a+b 100% \"ñ\" 日本 'x'.txt", Text("odd"), 0, clean},
		{"infected/eicar.com", eicar.Bytes(), 0, infected},
		{"infected/eicar.zip", Zip(map[string][]byte{"eicar.com": eicar.Bytes()}), 0, infected},
		{"infected/eicar.tar.gz.zip", Zip(map[string][]byte{"a.tar.gz": TarGz("eicar.com", eicar.Bytes())}), 0, infected},
		{"infected/at the end of 20 MB.txt", append(Filler(20<<20), eicar.Bytes()...), 0, infected},
		{"infected/ten tags of its own", eicar.Bytes(), 10, infected},
		{"unscannable/encrypted.zip", encrypted, 0, unscannable(job.Encrypted)},
		{"unscannable/nested too deep.zip", tooDeep, 0, unscannable(job.LimitRecursion)},
		{"unscannable/too many members.zip", Members(clamav.DefaultLimits().Files + 1), 0, unscannable(job.LimitFiles)},
		{"dead letter/ten tags of its own", Text("ten"), 10, deadLimit},
	}
}

// Text is a text file.
func Text(s string) []byte { return []byte(s + ", nothing to see here.\n") }

// Filler is n bytes of harmless text.
func Filler(n int) []byte {
	const line = "All is well on board, no sickness among the crew or the passengers.\n"
	return []byte(strings.Repeat(line, n/len(line)+1)[:n])
}

// PNG is a picture of a yellow flag, the letter Q of the signal code: my vessel
// is healthy and I request free pratique.
func PNG() []byte {
	flag := image.NewPaletted(image.Rect(0, 0, 64, 48), color.Palette{color.RGBA{255, 204, 0, 255}})
	var b bytes.Buffer
	must(png.Encode(&b, flag))
	return b.Bytes()
}

// PDF is a page without text.
func PDF() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var offsets []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	b.WriteString("xref\n0 4\n0000000000 65535 f \n")
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

// Zip is an archive of deflated members.
func Zip(members map[string][]byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range members {
		add(w, name, content, zip.Deflate)
	}
	must(w.Close())
	return b.Bytes()
}

// Members is a zip of n tiny stored members, all of them different: one that
// the engine has seen already is not looked at again.
func Members(n int) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range n {
		add(w, fmt.Sprintf("%d.txt", i), fmt.Appendf(nil, "member %d\n", i), zip.Store)
	}
	must(w.Close())
	return b.Bytes()
}

// TarGz is a compressed tar of one member.
func TarGz(name string, content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	must(w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}))
	_, err := w.Write(content)
	must(err)
	must(w.Close())
	must(z.Close())
	return b.Bytes()
}

// add writes sizes and checksum into the local header, as ordinary tools do: the
// streaming form of archive/zip leaves them to a data descriptor.
func add(w *zip.Writer, name string, content []byte, method uint16) {
	h := &zip.FileHeader{Name: name, Method: method}
	f, err := w.CreateHeader(h)
	must(err)
	_, err = f.Write(content)
	must(err)
}

// must is for writes into memory, which do not fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
