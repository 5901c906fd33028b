package unpacktest

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// opinions are what clamd says about whole samples, by the name of the sample's
// test: OK, or a signature.
type opinions map[string]string

// readOpinions reads a list with one sample a line: its name, a tab, the opinion.
func readOpinions(path string) (opinions, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read what clamd said: %w", err)
	}
	defer f.Close()
	listed := opinions{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, said, ok := strings.Cut(lines.Text(), "\t"); ok {
			listed[name] = said
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what clamd said: %w", err)
	}
	return listed, nil
}

// write writes o to a list, with the opinions in newer in place of its own.
func (o opinions) write(path string, newer opinions) error {
	all := opinions{}
	maps.Copy(all, o)
	maps.Copy(all, newer)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s\t%s\n", name, all[name])
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write what clamd said: %w", err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write what clamd said: %w", err)
	}
	return nil
}

// compare returns a line for each sample about which got differs from o. A run of
// some of the tests has opinions on some of the samples.
func (o opinions) compare(got opinions) []string {
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want, listed := o[name]; !listed {
			differences = append(differences, fmt.Sprintf("  %s: got %q, want nothing: it is not listed", name, got[name]))
		} else if want != got[name] {
			differences = append(differences, fmt.Sprintf("  %s: got %q, want %q", name, got[name], want))
		}
	}
	return differences
}
