package script_test

import (
	"bytes"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/slowinput"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestSlowInputs checks that clamd is not given a file that takes it far longer than
// its size suggests, alone or within a container, and that it is given ordinary files.
func TestSlowInputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		content []byte
		scanned bool
	}{
		{"zip of empty members", slowinput.ZipOfEmpty(0, 20000), false},
		{"zip of 100 members and then empty ones", slowinput.ZipOfEmpty(100, 20000), false},
		{"zip of some empty members", slowinput.ZipOfEmpty(100, 2000), true},
		{"zip of folders", slowinput.ZipOfFolders(20000), false},
		{"zip of members outside the file", slowinput.ZipOfNowhere(20000), false},
		{"DMG with stripes out of order", slowinput.DiskImageOutOfOrder(6000), false},
		{"script of unescape", slowinput.ScriptOfUnescape(32000), false},
		{"script of some calls", slowinput.ScriptOfUnescape(500), true},
		{"cabinet going back", slowinput.CabinetGoingBack(60, 1000), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for around, content := range map[string][]byte{
				"itself": tt.content, "gzip": unpacktest.GzipOf(t, tt.content), "tar": unpacktest.TarOf(t, tt.content),
			} {
				c := unpack.Checker{Formats: formats.All()}
				got := unpacktest.Check(t, c, content, unpacktest.Exact(tt.content))
				if scanned := got.Outcome == unpack.Found; scanned != tt.scanned {
					t.Errorf("in %s: got scanned as a whole: %t, want %t (%+v)", around, scanned, tt.scanned, got)
				}
				if !tt.scanned && got.Reason != job.LimitFiles && got.Reason != job.Damaged {
					t.Errorf("in %s: got %+v, want %s", around, got, job.LimitFiles)
				}
			}
		})
	}
	if bytes.Contains(slowinput.ScriptOfUnescape(1), []byte{0}) {
		t.Error("the script of the test is not text")
	}
}
