package coverage

import "regexp"

// ignored are the beginnings of files that the engine calls OK without a look
// at them (CL_TYPE_IGNORED in libclamav's filetypes_int.h).
var ignored = []string{
	"ID3", "\xff\xfb\x90", "OggS", ".RMF", // MP3, Ogg, RealMedia
	"SQLite format 3\x00", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "7\x7f\x06\x82\x00-\xe2\x18", "7\x7f\x06\x83\x00-\xe2\x18",
	"SIP-HIT (SIP/H", "SYMC\x01\x00",
}

// walkIgnored shows such a file to the engine without its first byte, so that
// it is nothing in particular.
func walkIgnored(w *walk, n node) error { return w.region(n, "content", 1, n.size-1, false) }

// taken reports whether n begins in a way that makes the engine take it for
// something else than a tar or a CD image, in which anything may come first.
func (n node) taken() bool {
	var buf [2048]byte
	got, _ := n.at(0, int64(len(buf))).ReadAt(buf[:], 0)
	return beginnings.Match(buf[:got])
}

// beginnings are the magics at offset 0 of libclamav's filetypes_int.h, and what
// makes it think of HTML.
var beginnings = regexp.MustCompile(`(?s)\A(?:(?i:[a-z-]{2,20}: |>?From |begin |\(This file|Hi\. This|X-|v:\r?\n)|\x1f\x8b|#@~\^|BM|BZh|ITSF|MZ|PK|RIF|Rar|SZDD|` +
	`\x60\xea|\x78\x9f|\x7fELF|\[alia|7z|0707|\x71\xc7|\xc7\x71|%PDF|%!PS|[FCZ]WS|MSCF|\xca\xfe|xar!|\xfd7z|HWP|\{\\rt|L\x00\x00|EGGA|\x89PNG|GIF8|` +
	`\xff[\xd8\xfb]|II\*|MM|<|\{|ID3|Ogg|\.RMF|SIP|SYM|7\x7f|SQL|\xd9\xd5|\xd0\xcf|ER|\xef\xbb)|<[A-Za-z!%?]`)
