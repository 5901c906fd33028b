// Package mirror is a ClamAV mirror for tests, with databases that the real freshclam and clamd accept
// as signed. Both programs verify signatures with public keys inside libclamav. Library copies the
// installed library and replaces the keys by keys of the test, and LD_LIBRARY_PATH puts the copy
// before the installed one. Programs and libraries are otherwise those that run on AWS. Only tests
// import the package.
package mirror

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
)

// needed matches, in the output of ldd, the libraries that hold public keys.
var needed = regexp.MustCompile(`(lib(?:clamav|freshclam)\.so\.\d+) => (\S+)`)

// Library writes copies of the installed libraries, with the test's keys, into dir. It returns the
// environment variable, as NAME=value, that makes programs use them.
func Library(dir string) (string, error) {
	program := freshclam()
	cmd := exec.Command("ldd", program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // without LD_LIBRARY_PATH, which another test may have set
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the libraries of %s: %w", program, err)
	}
	var libraries []string
	for _, found := range needed.FindAllStringSubmatch(string(out), -1) {
		library := filepath.Join(dir, found[1])
		code, err := os.ReadFile(found[2])
		if err != nil {
			return "", fmt.Errorf("read library: %w", err)
		}
		if err := os.WriteFile(library, code, 0o755); err != nil {
			return "", fmt.Errorf("write library: %w", err)
		}
		libraries = append(libraries, library)
	}
	return "LD_LIBRARY_PATH=" + dir, Trust(libraries...)
}

// Trust replaces the keys in copies of libclamav and libfreshclam, which may come from another system.
func Trust(libraries ...string) error {
	exchanged := map[*key]int{}
	for _, library := range libraries {
		code, err := os.ReadFile(library)
		if err != nil {
			return fmt.Errorf("read library: %w", err)
		}
		if err := exchange(code, exchanged); err != nil {
			return fmt.Errorf("exchange the keys in %s: %w", library, err)
		}
		if err := os.WriteFile(library, code, 0o755); err != nil {
			return fmt.Errorf("write library: %w", err)
		}
	}
	for _, k := range keys() {
		if exchanged[k] != 1 {
			return fmt.Errorf("exchange the keys in %s: found the key that begins with %s %d times, want 1",
				strings.Join(libraries, ", "), k.replaces[:20], exchanged[k])
		}
	}
	return nil
}

// exchange replaces the keys, which are decimal numbers among the constants, by keys of the same
// length, and counts them.
func exchange(code []byte, exchanged map[*key]int) error {
	file, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return err
	}
	section := file.Section(".rodata")
	if section == nil {
		return errors.New("it has no section .rodata")
	}
	constants := code[section.Offset : section.Offset+section.FileSize]
	for _, k := range keys() {
		for rest := constants; ; {
			i := bytes.Index(rest, []byte(k.replaces))
			if i < 0 {
				break
			}
			rest = rest[i:]
			copy(rest, k.modulus())
			exchanged[k]++
		}
	}
	return nil
}

// freshclam returns the path of the program.
func freshclam() string {
	if path, err := exec.LookPath("freshclam"); err == nil {
		return path
	}
	return "/usr/bin/freshclam"
}

// Main runs the tests of a package. Where tests may need freshclam (package need), the
// programs that they start accept the test's databases as signed.
func Main(m *testing.M) {
	os.Exit(run(m))
}

// run is Main without the exit, so that deferred calls run.
func run(m *testing.M) int {
	if !need.All() { // no test starts a program, and none may be installed
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "mirror-")
	if err == nil {
		defer os.RemoveAll(dir)
		var variable string
		variable, err = Library(dir)
		if name, value, ok := strings.Cut(variable, "="); ok {
			err = os.Setenv(name, value)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
