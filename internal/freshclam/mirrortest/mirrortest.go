// Package mirrortest is a ClamAV mirror for tests, with databases that the real
// freshclam and clamd take for signed: on loopback, made at test time, nobody
// else's. Both programs check signatures against public keys inside libclamav;
// Library makes a copy of the installed library with a test's own keys in
// their place, and LD_LIBRARY_PATH puts it before the installed one. Programs
// and library are otherwise those that run on AWS. Only tests import it.
package mirrortest

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
)

// needed are the libraries that hold public keys, in freshclam's list of what
// it needs.
var needed = regexp.MustCompile(`(lib(?:clamav|freshclam)\.so\.\d+) => (\S+)`)

// Library writes copies of the installed libraries, which trust the test's
// keys, into dir and returns the variable that makes programs use them.
func Library(dir string) (string, error) {
	program := freshclam()
	cmd := exec.Command("ldd", program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // the installed ones, also below another test
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

// Trust makes copies of libclamav and libfreshclam, which may come from another
// system than this one, trust the test's keys.
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
			return fmt.Errorf("exchange the keys in %s: the one that begins with %s is there %d times", strings.Join(libraries, ", "), k.replaces[:20], exchanged[k])
		}
	}
	return nil
}

// exchange replaces the keys, decimal numbers among the constants, by those of
// the same length, and counts them.
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

func freshclam() string {
	if path, err := exec.LookPath("freshclam"); err == nil {
		return path
	}
	return "/usr/bin/freshclam"
}

// Main runs tests whose children take the test's databases for signed.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mirrortest-")
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
