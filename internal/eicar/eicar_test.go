package eicar

import (
	"crypto/md5"
	"encoding/hex"
	"testing"
)

// The MD5 is the public fingerprint of the test file, so a typing error in the
// parts cannot pass as EICAR.
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
		t.Error("writing to one copy changed the next")
	}
}
