package unpacktest

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOpinions(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "testdata", "clamd-1.4.txt")
	if _, err := readOpinions(list); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("readOpinions() of no list = %v, want %v", err, os.ErrNotExist)
	}
	first := opinions{"TestA/one": "OK", "TestA/two": "Eicar"}
	if err := first.write(list, opinions{"TestA/two": "OK", "TestA/three": "Eicar"}); err != nil {
		t.Fatal(err)
	}
	listed, err := readOpinions(list)
	want := opinions{"TestA/one": "OK", "TestA/two": "OK", "TestA/three": "Eicar"}
	if err != nil || !maps.Equal(listed, want) {
		t.Fatalf("readOpinions() = %v, %v, want %v", listed, err, want)
	}
	if got := listed.compare(opinions{"TestA/three": "Eicar"}); len(got) > 0 {
		t.Errorf("compare() of what is listed = %q, want no difference", got)
	}
	got := listed.compare(opinions{"TestA/two": "Eicar", "TestA/one": "OK", "TestA/four": "OK"})
	if want := []string{
		`  TestA/four: got "OK", want nothing: it is not listed`,
		`  TestA/two: got "Eicar", want "OK"`,
	}; !slices.Equal(got, want) {
		t.Errorf("compare() = %q, want %q", got, want)
	}
}
