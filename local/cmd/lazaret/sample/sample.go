// Package sample makes the files that the demo and the whole-machine tests upload: at least one for each outcome that a
// file can have, with the verdict that it must get with the test definitions, which detect EICAR only. No file is
// malware: EICAR is a text that all engines report for tests.
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

// Sample is a file and its expected outcome.
type Sample struct {
	Key     string
	Content []byte
	Tags    int // number of the uploader's tags
	Want    Outcome
}

// Outcome is a verdict with its signature or reason or, when Error is set, a dead letter with that error.
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

// encrypted is a zip with a harmless text, encrypted with a password (ZipCrypto), see
// internal/clamav/testdata/encrypted/README.md.
//
//go:embed encrypted.zip
var encrypted []byte

// Encrypted returns a zip that is encrypted with a password.
func Encrypted() []byte { return encrypted }

// All returns every sample. Each call makes their content anew.
func All() []Sample {
	nested := Zip(map[string][]byte{"a.tar.gz": TarGz("eicar.com", eicar.Bytes())})
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
		{"infected/eicar.tar.gz.zip", nested, 0, infected},
		{"infected/at the end of 20 MB.txt", append(Filler(20<<20), eicar.Bytes()...), 0, infected},
		{"infected/ten tags of its own", eicar.Bytes(), 10, infected},
		{"unscannable/encrypted.zip", encrypted, 0, unscannable(job.Encrypted)},
		{"unscannable/nested too deep.zip", tooDeep, 0, unscannable(job.LimitRecursion)},
		{"unscannable/too many members.zip", Members(clamav.DefaultLimits().Files + 1), 0, unscannable(job.LimitFiles)},
		{"dead letter/ten tags of its own", Text("ten"), 10, deadLimit},
	}
}

// Text returns a text file.
func Text(s string) []byte { return []byte(s + ", nothing to see here.\n") }

// Filler returns n bytes of harmless text.
func Filler(n int) []byte {
	const line = "All is well on board, no sickness among the crew or the passengers.\n"
	return []byte(strings.Repeat(line, n/len(line)+1)[:n])
}

// PNG returns a picture of one colour.
func PNG() []byte {
	picture := image.NewPaletted(image.Rect(0, 0, 64, 48), color.Palette{color.RGBA{255, 204, 0, 255}})
	var b bytes.Buffer
	must(png.Encode(&b, picture))
	return b.Bytes()
}

// PDF returns a document with an empty page.
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

// Zip returns an archive of deflated members.
func Zip(members map[string][]byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range members {
		add(w, name, content, zip.Deflate)
	}
	must(w.Close())
	return b.Bytes()
}

// Members returns a zip of n small stored members. All are different, because clamd does not scan equal ones again.
func Members(n int) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range n {
		add(w, fmt.Sprintf("%d.txt", i), fmt.Appendf(nil, "member %d\n", i), zip.Store)
	}
	must(w.Close())
	return b.Bytes()
}

// TarGz returns a compressed tar with one member.
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

// add adds a member to a zip.
func add(w *zip.Writer, name string, content []byte, method uint16) {
	h := &zip.FileHeader{Name: name, Method: method}
	f, err := w.CreateHeader(h)
	must(err)
	_, err = f.Write(content)
	must(err)
}

// must panics when a write to memory fails, which it does not.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
