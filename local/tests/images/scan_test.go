//go:build images

package images_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
)

// publish publishes test definitions on the volume, as freshclam does.
func publish(t testing.TB, volume string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "test")
	if err := definitions.WriteTest(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := definitions.Open(filepath.Join(volume, "definitions")).Publish(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}

// fetched writes a work file, as fetch does, and returns its job.
func fetched(t testing.TB, volume, name string, content []byte) job.Job {
	t.Helper()
	file := filepath.Join(volume, "work", name)
	// The file is open to all users, because EFS treats every access as one of the access point's user.
	if err := errors.Join(os.WriteFile(file, content, 0o666), os.Chmod(file, 0o666)); err != nil {
		t.Fatal(err)
	}
	size := int64(len(content))
	return job.Job{
		Version: job.Version,
		Object:  job.Object{Bucket: "uploads", Key: name, VersionID: "v1", Size: size},
		Work:    &job.Work{File: name, Size: size, SHA256: fmt.Sprintf("%x", sha256.Sum256(content)), Fetches: 1},
	}
}

// asOnEFS gives the volume's folders the owners that they have on EFS: scan is 1000:1000, freshclam is 1001:1000, and
// the root has group 1002, with which only fetch may write.
func asOnEFS(t testing.TB, volume string) {
	t.Helper()
	own(t, volume, ".", "1001:1002", "0775")
	own(t, volume, "work", "1000:1000", "0770")
}

// harmless is a clean text that is long enough for the engine to scan.
var harmless = []byte("Nothing to see here, and enough of it for an engine to look at.\n")

func TestScan(t *testing.T) {
	t.Parallel()
	samples := []struct {
		name    string
		content []byte
		want    string
	}{
		{"clean", harmless, "CLEAN"},
		{"eicar", eicar.Bytes(), "INFECTED " + definitions.TestSignature},
		{"rar4", rar4(hidden(t)), "INFECTED " + definitions.TestSignature},
		{"rar5", rar5(hidden(t)), "INFECTED " + definitions.TestSignature},
		// These are CLEAN only if the engine opens RAR archives. It finds EICAR in them without that, too.
		{"rar4-clean", rar4(harmless), "CLEAN"},
		{"rar5-clean", rar5(harmless), "CLEAN"},
		{"encrypted-zip", encryptedZip(t), "UNSCANNABLE encrypted"},
	}
	users := []struct {
		name, user string
		prepare    func(testing.TB, string)
	}{
		{"the user of the access point", "1000:1000", asOnEFS},
		// Lambda chooses the user, and EFS maps it to the access point's. A folder of this machine maps no users, so it is
		// open to all here.
		{"a user without an account", "993:990", func(t testing.TB, volume string) {
			own(t, volume, "work", "1000:1000", "2777")
		}},
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			volume := newVolume(t)
			publish(t, volume)
			jobs := map[string]job.Job{}
			for _, s := range samples {
				jobs[s.name] = fetched(t, volume, s.name, s.content)
			}
			u.prepare(t, volume)
			invoke := start(t, function{image: scanImage, user: u.user, volume: volume})
			for _, s := range samples {
				scan := answer[job.Job](t, invoke(jobs[s.name])).Scan
				if got := strings.TrimSpace(fmt.Sprintf("%s %s%s", scan.Verdict, scan.Signature, scan.Reason)); got != s.want {
					t.Errorf("%s: got %s, want %s", s.name, got, s.want)
				}
				if scan.Engine.Name != "clamd" || scan.Engine.Version == "" || scan.Definitions == nil {
					t.Errorf("%s: got engine %+v, definitions %+v, want clamd with both versions",
						s.name, scan.Engine, scan.Definitions)
				}
			}
			left := run(t, scanImage, []string{"--user", "0", "-v", volume + ":/v"}, "ls", "-A", "/v/work")
			if left != "" {
				t.Errorf("got work files %s after the scans, want none", left)
			}
		})
	}
}

// TestScanWithoutUnrar: without the library libclamunrar a RAR archive is UNSCANNABLE, so TestScan needs it.
func TestScanWithoutUnrar(t *testing.T) {
	t.Parallel()
	volume := newVolume(t)
	publish(t, volume)
	j := fetched(t, volume, "rar5-clean", rar5(harmless))
	asOnEFS(t, volume)
	var hide []string
	for file := range strings.FieldsSeq(run(t, scanImage, nil, "dpkg", "--listfiles", "libclamunrar12")) {
		if strings.Contains(file, "libclamunrar_iface.so.12.") {
			hide = append(hide, "-v", "/dev/null:"+file+":ro")
		}
	}
	if hide == nil {
		t.Fatal("got no library of libclamunrar12, want one")
	}
	f := function{image: scanImage, user: "1000:1000", volume: volume, options: hide}
	scan := answer[job.Job](t, start(t, f)(j)).Scan
	if scan.Verdict != job.Unscannable || scan.Reason != job.UnsupportedArchive {
		t.Errorf("got %s %s%s, want %s %s",
			scan.Verdict, scan.Signature, scan.Reason, job.Unscannable, job.UnsupportedArchive)
	}
}

// TestScanWithoutDefinitions: the image has no definitions, and scan fails without those of the volume.
func TestScanWithoutDefinitions(t *testing.T) {
	t.Parallel()
	volume := newVolume(t)
	j := fetched(t, volume, "clean", harmless)
	asOnEFS(t, volume)
	r := start(t, function{image: scanImage, user: "1000:1000", volume: volume})(j)
	if r.FunctionError == "" || !strings.Contains(string(r.Payload), `"errorType":"DefinitionsNotReady"`) {
		t.Errorf("got %q %s, want the error DefinitionsNotReady", r.FunctionError, r.Payload)
	}
	if out := run(t, scanImage, []string{"--user", "0"}, "find", "/var/lib/clamav", "-type", "f"); out != "" {
		t.Errorf("got definitions in the image: %s, want none", out)
	}
}

// TestScanCannotWriteDefinitions: the user of scan's access point cannot change the definitions.
func TestScanCannotWriteDefinitions(t *testing.T) {
	t.Parallel()
	volume := newVolume(t)
	publish(t, volume)
	asOnEFS(t, volume)
	tests := []struct {
		name    string
		program []string
	}{
		{"add to a generation", []string{"cp", "/etc/passwd", "/v/definitions/current/more.ndb"}},
		{"empty one", []string{"find", "/v/definitions/generations", "-mindepth", "1", "-delete"}},
		{"switch", []string{"ln", "-sfn", "/tmp", "/v/definitions/current"}},
		{"put other definitions in place", []string{"mv", "/v/definitions", "/v/work/definitions"}},
		{"remove the switch", []string{"rm", "/v/definitions/current"}},
		{"open the folder", []string{"chmod", "777", "/v/definitions"}},
	}
	options := []string{"run", "--rm", "--network", "none", "--user", "1000:1000", "-v", volume + ":/v"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := try(append(append(options, "--entrypoint", tt.program[0], scanImage), tt.program[1:]...)...)
			if err == nil || !strings.Contains(err.Error(), "ermi") { // Permission denied, Operation not permitted
				t.Errorf("%s: got %v, want it refused", strings.Join(tt.program, " "), err)
			}
		})
	}
}
