package zip

import (
	"github.com/lazaret/lazaret/internal/unpack"
)

// openMember opens a local header anywhere in a file. It may stand there by chance, or
// be all that is left of a zip: damage in the member is not refused.
func openMember(v *unpack.Visitor, at int64) (end int64, err error) {
	a := newArchive(v, v.Content())
	a.uncertain = true
	m, err := a.header(at)
	if err != nil || m.name == "" || !knownMethod(m.written.method) {
		return 0, nil
	}
	refused, err := v.Try(func() (err error) {
		end, err = a.extractLocal(m)
		return err
	})
	if err != nil || a.failed || len(refused) > 0 {
		return 0, err
	}
	return end, nil
}

// openDirectory opens an end record anywhere in a file, if its directory stands where
// it says: a zip with other content around it.
func openDirectory(v *unpack.Visitor, at int64) (end int64, err error) {
	for _, d := range directoriesAt(v.Content(), at) {
		if d.start == d.end {
			continue
		}
		a := newArchive(v, v.Content())
		if err := v.Guess(func() error { return a.directory(d, true) }); err != nil {
			return 0, err
		}
		end = d.after
	}
	return end, nil
}

func knownMethod(method uint16) bool { return method <= 20 || method >= 93 && method <= 99 }
