// Package canary says which objects are those that function canary sends through the pipeline. Functions notify and
// quarantine treat exactly these in another way: they are not announced, and their copies in quarantine lie apart.
package canary

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
)

// QuarantinePrefix begins the keys of the samples' copies in the quarantine bucket, and of no other object there.
const QuarantinePrefix = "canary/"

// Clean returns a new copy of the clean sample. Its bytes never change: their hash is one of those that are not
// announced.
func Clean() []byte {
	return []byte("This file is the clean sample of Lazaret's function canary. It is uploaded and removed again.\n")
}

// samples holds the SHA-256 of each sample, in hexadecimal.
var samples = map[string]bool{sum(eicar.Bytes()): true, sum(Clean()): true}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// IsSampleSHA256 reports whether a SHA-256, in lower-case hexadecimal, is that of a sample, wherever an object with it
// lies.
func IsSampleSHA256(sha256 string) bool { return samples[sha256] }

// Place is where function canary uploads its samples. The zero value is for a stack without canary: no object is a
// sample there.
type Place struct {
	Bucket string // the uploads bucket
	Prefix string // of the keys, with a slash at its end
}

// FromEnvironment reads the place from UPLOADS_BUCKET and CANARY_PREFIX, which template.yaml sets. Without canary,
// CANARY_PREFIX is empty. The error says which of them makes no sense.
func FromEnvironment() (Place, error) {
	p := Place{Bucket: os.Getenv("UPLOADS_BUCKET"), Prefix: os.Getenv("CANARY_PREFIX")}
	switch {
	case p.Prefix == "":
		return Place{}, nil
	case p.Bucket == "":
		return Place{}, fmt.Errorf("environment variable CANARY_PREFIX is %q, and UPLOADS_BUCKET is not set", p.Prefix)
	case !strings.HasSuffix(p.Prefix, "/"):
		return Place{}, fmt.Errorf("environment variable CANARY_PREFIX is %q, want a slash at its end", p.Prefix)
	}
	return p, nil
}

// Has reports whether the object lies where samples are uploaded. It may be any object: only IsSample knows its bytes.
func (p Place) Has(o job.Object) bool {
	return p.Prefix != "" && o.Bucket == p.Bucket && strings.HasPrefix(o.Key, p.Prefix)
}

// IsSample reports whether the object of j lies where samples are uploaded and has the bytes of one of them, as fetch
// or scan computed their SHA-256. An object of which nobody has computed it is no sample.
func (p Place) IsSample(j job.Job) bool {
	return p.Has(j.Object) && samples[scanned(j)]
}

// scanned returns the SHA-256 of the object's bytes in hexadecimal, "" if it was never fetched.
func scanned(j job.Job) string {
	switch {
	case j.Scan != nil && j.Scan.SHA256 != "":
		return j.Scan.SHA256
	case j.Work != nil:
		return j.Work.SHA256
	}
	return ""
}
