//go:build images

package images

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

// publish puts test definitions on the volume, as freshclam does.
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

// fetched leaves a work file as fetch does and returns its job.
func fetched(t testing.TB, volume, name string, content []byte) job.Job {
	t.Helper()
	file := filepath.Join(volume, "work", name)
	// Open to all, as to EFS every access is that of the access point's user.
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

// asOnEFS gives the volume's folders the owners that the access points and
// freshclam give them: scan is 1000:1000, freshclam 1001:1000, and the root has the group with which fetch alone may write.
func asOnEFS(t testing.TB, volume string) {
	t.Helper()
	own(t, volume, ".", "1001:1002", "0775")
	own(t, volume, "work", "1000:1000", "0770")
}

// harmless is long enough for the engine to look at.
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
		// CLEAN only where the engine opens a RAR; EICAR in one is found without it too.
		{"rar4-clean", rar4(harmless), "CLEAN"},
		{"rar5-clean", rar5(harmless), "CLEAN"},
		{"encrypted-zip", encryptedZip(t), "UNSCANNABLE encrypted"},
	}
	users := []struct {
		name, user string
		prepare    func(testing.TB, string)
	}{
		{"the user of the access point", "1000:1000", asOnEFS},
		// Lambda's own, whose accesses EFS maps to the access point's; a folder of this
		// machine maps nothing, so it is open here.
		{"a user that no file knows", "993:990", func(t testing.TB, volume string) { own(t, volume, "work", "1000:1000", "2777") }},
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
					t.Errorf("%s is %s, want %s", s.name, got, s.want)
				}
				if scan.Engine.Name != "clamd" || scan.Engine.Version == "" || scan.Definitions == nil {
					t.Errorf("%s was judged by %+v with %+v", s.name, scan.Engine, scan.Definitions)
				}
			}
			left := run(t, scanImage, []string{"--user", "0", "-v", volume + ":/v"}, "ls", "-A", "/v/work")
			if left != "" {
				t.Errorf("work files are left: %s", left)
			}
		})
	}
}

// TestScanWithoutUnrar: that TestScan finds a RAR clean is the library's doing.
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
		t.Fatal("libclamunrar12 has no library")
	}
	scan := answer[job.Job](t, start(t, function{image: scanImage, user: "1000:1000", volume: volume, options: hide})(j)).Scan
	if scan.Verdict != job.Unscannable || scan.Reason != job.UnsupportedArchive {
		t.Errorf("without libclamunrar a RAR is %s %s%s", scan.Verdict, scan.Signature, scan.Reason)
	}
}

func TestScanWithoutDefinitions(t *testing.T) {
	t.Parallel()
	volume := newVolume(t)
	j := fetched(t, volume, "clean", harmless)
	asOnEFS(t, volume)
	r := start(t, function{image: scanImage, user: "1000:1000", volume: volume})(j)
	if r.FunctionError == "" || !strings.Contains(string(r.Payload), `"errorType":"DefinitionsNotReady"`) {
		t.Errorf("without definitions the answer is %q %s", r.FunctionError, r.Payload)
	}
	if out := run(t, scanImage, []string{"--user", "0"}, "find", "/var/lib/clamav", "-type", "f"); out != "" {
		t.Errorf("definitions are in the image: %s", out)
	}
}

// TestScanCannotWriteDefinitions with the user that EFS makes of it.
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
				t.Errorf("scan's user may %s: %v", tt.name, err)
			}
		})
	}
}
