package signatures

import (
	"bytes"
	"path/filepath"
	"slices"
)

// lineFormat says where the name stands in a line of a database.
type lineFormat struct {
	separator byte
	field     int // of the name, counted from 0
}

// lineFormats are the formats with one signature a line, by extension (libclamav/readdb.c):
// https://docs.clamav.net/manual/Signatures.html
//
// Files of other extensions name nothing that clamd could report: .fp, .sfp, .ign, .ign2, .cat and .wdb
// switch detection off; .ftm, .pwdb, .cfg and .info detect nothing; what .pdb and .gdb find is reported
// by one of the engine's own names (Heuristics.Phishing…). clamd takes the names for .ioc from XML, and
// neither ClamAV nor update accepts such files.
var lineFormats = map[string]lineFormat{
	".ndb": {':', 0}, ".ndu": {':', 0}, ".sdb": {':', 0}, ".cdb": {':', 0}, ".idb": {':', 0},
	".zmd": {':', 0}, ".rmd": {':', 0},
	".ldb": {';', 0}, ".ldu": {';', 0}, ".crb": {';', 0},
	".hdb": {':', 2}, ".hdu": {':', 2}, ".hsb": {':', 2}, ".hsu": {':', 2},
	".mdb": {':', 2}, ".mdu": {':', 2}, ".msb": {':', 2}, ".msu": {':', 2}, ".imp": {':', 2},
	".db": {'=', 0},
}

// name returns the name in a line, nil if it has none.
func (f lineFormat) name(line []byte) []byte {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 || line[0] == '#' {
		return nil
	}
	for range f.field {
		i := bytes.IndexByte(line, f.separator)
		if i < 0 {
			return nil
		}
		line = line[i+1:]
	}
	if i := bytes.IndexByte(line, f.separator); i >= 0 {
		line = line[:i]
	}
	return line
}

// bytecodeNames returns the names in the second line of a bytecode signature, which is a logical
// signature. "BC.Name.{A,B};…" has the names BC.Name, BC.Name.A and BC.Name.B.
func bytecodeNames(line []byte) (names [][]byte) {
	name, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{';'})
	prefix, rest, expands := bytes.Cut(name, []byte(".{"))
	if len(prefix) == 0 {
		return nil
	}
	names = append(names, prefix)
	if !expands {
		return names
	}
	for end := range bytes.SplitSeq(bytes.TrimSuffix(rest, []byte{'}'}), []byte{','}) {
		names = append(names, slices.Concat(prefix, []byte{'.'}, end))
	}
	return names
}

// isContainer reports whether a file is a container, whose signatures clamd trusts.
func isContainer(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".cvd" || ext == ".cld"
}
