// Package formats has the list of the formats that Lazaret opens or refuses.
package formats

import (
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/activemime"
	"github.com/lazaret/lazaret/internal/unpack/android"
	"github.com/lazaret/lazaret/internal/unpack/ar"
	"github.com/lazaret/lazaret/internal/unpack/arj"
	"github.com/lazaret/lazaret/internal/unpack/armor"
	"github.com/lazaret/lazaret/internal/unpack/base64"
	"github.com/lazaret/lazaret/internal/unpack/cab"
	"github.com/lazaret/lazaret/internal/unpack/chm"
	"github.com/lazaret/lazaret/internal/unpack/closed"
	"github.com/lazaret/lazaret/internal/unpack/cms"
	"github.com/lazaret/lazaret/internal/unpack/cpio"
	"github.com/lazaret/lazaret/internal/unpack/dicom"
	"github.com/lazaret/lazaret/internal/unpack/dmg"
	"github.com/lazaret/lazaret/internal/unpack/encoded"
	"github.com/lazaret/lazaret/internal/unpack/encodedscript"
	"github.com/lazaret/lazaret/internal/unpack/fat"
	"github.com/lazaret/lazaret/internal/unpack/flash"
	"github.com/lazaret/lazaret/internal/unpack/font"
	"github.com/lazaret/lazaret/internal/unpack/iso"
	"github.com/lazaret/lazaret/internal/unpack/lha"
	"github.com/lazaret/lazaret/internal/unpack/mail"
	"github.com/lazaret/lazaret/internal/unpack/matlab"
	"github.com/lazaret/lazaret/internal/unpack/ole"
	"github.com/lazaret/lazaret/internal/unpack/onenote"
	"github.com/lazaret/lazaret/internal/unpack/pdf"
	"github.com/lazaret/lazaret/internal/unpack/pgp"
	"github.com/lazaret/lazaret/internal/unpack/picture"
	"github.com/lazaret/lazaret/internal/unpack/rar"
	"github.com/lazaret/lazaret/internal/unpack/rpm"
	"github.com/lazaret/lazaret/internal/unpack/rtf"
	"github.com/lazaret/lazaret/internal/unpack/script"
	"github.com/lazaret/lazaret/internal/unpack/sevenzip"
	"github.com/lazaret/lazaret/internal/unpack/stream"
	"github.com/lazaret/lazaret/internal/unpack/szdd"
	"github.com/lazaret/lazaret/internal/unpack/tar"
	"github.com/lazaret/lazaret/internal/unpack/tnef"
	"github.com/lazaret/lazaret/internal/unpack/udf"
	"github.com/lazaret/lazaret/internal/unpack/unscanned"
	"github.com/lazaret/lazaret/internal/unpack/utf"
	"github.com/lazaret/lazaret/internal/unpack/vcs"
	"github.com/lazaret/lazaret/internal/unpack/xar"
	"github.com/lazaret/lazaret/internal/unpack/zip"
)

// Package is a package and its formats.
type Package struct {
	Name    string
	Formats []unpack.Format
}

// Packages are all packages with formats. A file that is recognised as several formats
// is walked in this order.
func Packages() []Package {
	return []Package{
		{Name: "zip", Formats: []unpack.Format{zip.Format()}},
		{Name: "stream", Formats: stream.Formats()},
		{Name: "sevenzip", Formats: []unpack.Format{sevenzip.Format()}},
		{Name: "szdd", Formats: []unpack.Format{szdd.Format()}},
		{Name: "android", Formats: []unpack.Format{android.Format()}},
		{Name: "vcs", Formats: vcs.Formats()},
		{Name: "xar", Formats: []unpack.Format{xar.Format()}},
		{Name: "tar", Formats: []unpack.Format{tar.Format()}},
		{Name: "rar", Formats: rar.Formats()},
		{Name: "ar", Formats: []unpack.Format{ar.Format()}},
		{Name: "cpio", Formats: []unpack.Format{cpio.Format()}},
		{Name: "rpm", Formats: []unpack.Format{rpm.Format()}},
		{Name: "ole", Formats: []unpack.Format{ole.Format()}},
		{Name: "cab", Formats: []unpack.Format{cab.Format()}},
		{Name: "arj", Formats: []unpack.Format{arj.Format()}},
		{Name: "lha", Formats: []unpack.Format{lha.Format()}},
		{Name: "iso", Formats: iso.Formats()},
		{Name: "udf", Formats: []unpack.Format{udf.Format()}},
		{Name: "fat", Formats: fat.Formats()},
		{Name: "dmg", Formats: []unpack.Format{dmg.Format()}},
		{Name: "chm", Formats: []unpack.Format{chm.Format()}},
		{Name: "pdf", Formats: pdf.Formats()},
		{Name: "font", Formats: font.Formats()},
		{Name: "picture", Formats: []unpack.Format{picture.PNG()}},
		{Name: "flash", Formats: []unpack.Format{flash.Format()}},
		{Name: "activemime", Formats: []unpack.Format{activemime.Format()}},
		{Name: "dicom", Formats: []unpack.Format{dicom.Format()}},
		{Name: "encodedscript", Formats: []unpack.Format{encodedscript.Format()}},
		{Name: "matlab", Formats: []unpack.Format{matlab.Format()}},
		{Name: "onenote", Formats: []unpack.Format{onenote.Format()}},
		{Name: "unscanned", Formats: []unpack.Format{unscanned.Format()}},
		{Name: "closed", Formats: closed.Formats()},
		{Name: "base64", Formats: base64.Formats()},
		{Name: "encoded", Formats: encoded.Formats()},
		{Name: "armor", Formats: []unpack.Format{armor.Format()}},
		{Name: "cms", Formats: []unpack.Format{cms.Format()}},
		{Name: "pgp", Formats: []unpack.Format{pgp.Format()}},
		{Name: "mail", Formats: []unpack.Format{mail.Format()}},
		{Name: "rtf", Formats: rtf.Formats()},
		{Name: "tnef", Formats: tnef.Formats()},
		{Name: "utf", Formats: []unpack.Format{utf.Format()}},
		{Name: "script", Formats: []unpack.Format{script.Format()}},
		// After the formats whose parts may look like the end of a zip.
		{Name: "zip", Formats: []unpack.Format{zip.FormatAtEnd()}},
	}
}

// All are all formats, ready for a Checker.
func All() unpack.Formats {
	var all []unpack.Format
	for _, p := range Packages() {
		all = append(all, p.Formats...)
	}
	return unpack.NewFormats(all...)
}
