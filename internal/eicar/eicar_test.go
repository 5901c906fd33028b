package eicar

import (
	"crypto/md5"
	"encoding/hex"
	"testing"
)

// TestBytesAreTheTestFile compares the MD5 with the published one, so that a typing error in the parts
// is noticed.
func TestBytesAreTheTestFile(t *testing.T) {
	t.Parallel()
	b := Bytes()
	if len(b) != Size {
		t.Errorf("Bytes() has %d bytes, want %d", len(b), Size)
	}
	sum := md5.Sum(b)
	if got, want := hex.EncodeToString(sum[:]), "44d88612fea8a8f36de82e1278abb02f"; got != want {
		t.Errorf("MD5 of Bytes() = %s, want %s", got, want)
	}
}

func TestBytesReturnsItsOwnCopy(t *testing.T) {
	t.Parallel()
	Bytes()[0] = 'Y'
	if Bytes()[0] != 'X' {
		t.Error("writing to one copy changed the next, want copies")
	}
}
