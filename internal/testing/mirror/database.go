package mirror

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/eicar"
)

// Database is one version of a database.
type Database struct {
	Name    string // "daily"
	Version int
	Built   time.Time
	// Words are lower-case texts for which the database has signatures called "Word-<word>". A daily
	// database has a signature for EICAR, too.
	Words []string
	// Extra is one more line, as it is.
	Extra string
	// WithoutEICAR leaves the signature for EICAR out.
	WithoutEICAR bool
}

// lines returns the signatures in the extended format.
func (d Database) lines() []string {
	var lines []string
	for _, w := range d.Words {
		lines = append(lines, fmt.Sprintf("Word-%s:0:*:%s", w, hex.EncodeToString([]byte(w))))
	}
	if d.Extra != "" {
		lines = append(lines, d.Extra)
	}
	if d.Name == "daily" && !d.WithoutEICAR {
		lines = append(lines, "Eicar-Signature:0:*:"+hex.EncodeToString(eicar.Bytes()))
	}
	return lines
}

// signatures returns the content of the .ndb file.
func (d Database) signatures() string { return strings.Join(d.lines(), "\n") + "\n" }

// header returns the line at the beginning of a container. In the list of contents, sum and signature
// are "X".
func (d Database) header(sum, signature string) string {
	return fmt.Sprintf("ClamAV-VDB:%s:%d:%d:90:%s:%s:test:%d",
		d.Built.UTC().Format("02 Jan 2006 15-04 -0700"), d.Version, len(d.lines()), sum, signature, d.Built.Unix())
}

// info returns the signed list of contents.
func (d Database) info() string {
	content := d.signatures()
	sum := sha256.Sum256([]byte(content))
	list := d.header("X", "X") + "\n" + fmt.Sprintf("%s.ndb:%d:%x\n", d.Name, len(content), sum)
	return list + "DSIG:" + signInfo([]byte(list)) + "\n"
}

// CVD returns the container: 512 bytes of header, then a compressed tar.
func (d Database) CVD() []byte {
	for copying := "for tests\n"; ; copying += "\n" {
		archive := d.archive(copying)
		digest := md5.Sum(archive)
		if digest[0] == 0 {
			continue // the library misreads the signature of such a digest
		}
		header := d.header(hex.EncodeToString(digest[:]), signContainer(digest))
		return append(fmt.Appendf(nil, "%-512s", header), archive...)
	}
}

// archive returns the compressed tar. It has a file COPYING, without which freshclam refuses
// incremental updates.
func (d Database) archive(copying string) []byte {
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	for _, f := range []struct{ name, content string }{
		{"COPYING", copying}, {d.Name + ".info", d.info()}, {d.Name + ".ndb", d.signatures()},
	} {
		must(w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Format: tar.FormatUSTAR}))
		_, err := w.Write([]byte(f.content))
		must(err)
	}
	must(w.Close())
	must(z.Close())
	return archive.Bytes()
}

// Cdiff returns the incremental update from d to next: a header, a compressed list of commands, and a
// signature.
func (d Database) Cdiff(next Database) []byte {
	var script strings.Builder
	edit := func(file, before, after string) {
		fmt.Fprintf(&script, "OPEN %s\n", file)
		for i, line := range strings.Split(strings.TrimSuffix(before, "\n"), "\n") {
			// Only the beginning of a line is compared, since signatures have a random salt.
			fmt.Fprintf(&script, "DEL %d %.5s\n", i+1, line)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(after, "\n"), "\n") {
			fmt.Fprintf(&script, "ADD %s\n", line)
		}
		script.WriteString("CLOSE\n")
	}
	edit(d.Name+".ndb", d.signatures(), next.signatures())
	edit(d.Name+".info", d.info(), next.info())

	var out bytes.Buffer
	fmt.Fprintf(&out, "ClamAV-Diff:%d:%d:", next.Version, script.Len())
	z := gzip.NewWriter(&out)
	_, err := z.Write([]byte(script.String()))
	must(err)
	must(z.Close())
	return append(out.Bytes(), ":"+signCdiff(out.Bytes())...)
}

// must panics if a write into memory fails, which it never does.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
