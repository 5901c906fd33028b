package closed

import (
	"regexp"

	"github.com/lazaret/lazaret/internal/job"
)

// ByName refuses a part of a split archive that is recognised by the ending of its key
// alone. The parts after the first of a zip, a 7z or a compressed tar are bytes from
// the middle of a stream, and have no mark.
//
// The endings are those that programs give to parts. After the ending of an archive or
// a disk image: a number of three digits, or of two to four digits that begins with a
// zero (7-Zip, HJSplit, split -d), or aa to az (split). And .z01 and .zx01 (WinZip,
// Info-ZIP). The first part is refused as well, since the name does not say which part
// is the first. These are no such endings: a number alone (report.2024.001, IM.001),
// one digit (wget's file.zip.1), a year, and .z64 and .z80, which belong to other
// programs. The parts of RAR, ARJ, ACE, cabinets and WIM (.r00, .part2.rar, .a01, .swm)
// begin with marks, and are recognised by content.
func ByName(key string) (reason job.Reason, ok bool) {
	if !partOfArchive.MatchString(key) {
		return "", false
	}
	return job.UnsupportedArchive, true
}

var partOfArchive = regexp.MustCompile(`(?i)\.(?:` +
	`(?:7z|zipx?|rar|tar|t?gz|t?bz2?|t?xz|t?zst|lz|lzma|iso|img|dmg)` +
	`(?:\.|[._-]part[._-]?)(?:[0-9]{3}|0[0-9]{1,3}|a[a-z]|aa[a-z])` +
	`|zx?(?:[0-57-9][1-9]|[0-57][0-9]|6[0-35-9]|90|[1-9][0-9]{2})` +
	`|dmgpart` +
	`)$`)
