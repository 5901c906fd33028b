package knownclean

// Package is a Debian package with files in the set.
type Package struct {
	// Name is the package's name in Debian 12. The image has its copyright file,
	// /usr/share/doc/NAME/copyright.
	Name    string
	Licence string   // the SPDX identifier of the main licence
	Files   []string // patterns of filepath.Match, below the root
}

// Packages returns the packages whose files belong to the set. They are in the
// function's image, because ClamAV and Debian's base system need them, and on most
// machines with Debian or Ubuntu. libicudata.so is left out: scanning its 31 MB of
// tables takes a third of the time of all other files.
func Packages() []Package {
	const lib = "usr/lib/*-linux-gnu/"
	return []Package{
		{Name: "base-files", Licence: "several, each the text of one", Files: []string{"usr/share/common-licenses/*"}},
		{Name: "bash", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/bash", "usr/bin/bashbug", "etc/skel/.*"}},
		{Name: "ca-certificates", Licence: "MPL-2.0", Files: []string{
			"etc/ssl/certs/ca-certificates.crt", "usr/share/ca-certificates/mozilla/*.crt", "usr/sbin/update-ca-certificates",
		}},
		{Name: "coreutils", Licence: "GPL-3.0-or-later", Files: []string{
			"usr/bin/cat", "usr/bin/chmod", "usr/bin/cp", "usr/bin/date", "usr/bin/dd", "usr/bin/df", "usr/bin/du",
			"usr/bin/ls", "usr/bin/mv", "usr/bin/od", "usr/bin/rm", "usr/bin/sha256sum", "usr/bin/sort", "usr/bin/stat",
			"usr/bin/tail", "usr/bin/tr",
		}},
		{Name: "dash", Licence: "BSD-3-Clause", Files: []string{"usr/bin/dash"}},
		{Name: "debconf", Licence: "BSD-2-Clause", Files: []string{
			"usr/sbin/dpkg-reconfigure", "usr/share/perl5/Debconf/*.pm", "usr/share/perl5/Debconf/*/*.pm",
		}},
		{
			Name:    "dpkg",
			Licence: "GPL-2.0-or-later",
			Files:   []string{"usr/bin/dpkg", "usr/bin/dpkg-deb", "usr/bin/dpkg-query"},
		},
		{
			Name:    "diffutils",
			Licence: "GPL-3.0-or-later",
			Files:   []string{"usr/bin/cmp", "usr/bin/diff", "usr/bin/diff3"},
		},
		{Name: "findutils", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/find", "usr/bin/xargs"}},
		{Name: "gpgv", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/gpgv"}},
		{Name: "grep", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/grep", "usr/bin/egrep", "usr/bin/fgrep"}},
		{Name: "gzip", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/gzip", "usr/bin/zgrep", "usr/bin/zless"}},
		{Name: "libc-bin", Licence: "LGPL-2.1-or-later", Files: []string{
			"usr/bin/getent", "usr/bin/iconv", "usr/bin/ldd", "usr/bin/locale", "usr/sbin/iconvconfig", "usr/sbin/ldconfig",
		}},
		{Name: "libc6", Licence: "LGPL-2.1-or-later", Files: []string{
			lib + "ld-linux-*.so.*", lib + "libc.so.6", lib + "libm.so.6", lib + "libresolv.so.2", lib + "libnss_*.so.2",
			lib + "gconv/*.so",
		}},
		{
			Name:    "libclamav12",
			Licence: "GPL-2.0-only",
			Files:   []string{lib + "libclamav.so.*", lib + "libfreshclam.so.*"},
		},
		{Name: "libcurl4", Licence: "curl", Files: []string{lib + "libcurl.so.*"}},
		{Name: "libgcrypt20", Licence: "LGPL-2.1-or-later", Files: []string{lib + "libgcrypt.so.*"}},
		{Name: "libgnutls30", Licence: "LGPL-2.1-or-later", Files: []string{lib + "libgnutls.so.30*"}},
		{Name: "libicu72", Licence: "ICU", Files: []string{lib + "libicui18n.so.72*", lib + "libicuuc.so.72*"}},
		{Name: "libpcre2-8-0", Licence: "BSD-3-Clause", Files: []string{lib + "libpcre2-8.so.*"}},
		{Name: "libssl3", Licence: "Apache-2.0", Files: []string{lib + "libcrypto.so.3", lib + "libssl.so.3"}},
		{Name: "libstdc++6", Licence: "GPL-3.0-only WITH GCC-exception-3.1", Files: []string{lib + "libstdc++.so.6*"}},
		{Name: "libsystemd0", Licence: "LGPL-2.1-or-later", Files: []string{lib + "libsystemd.so.*"}},
		{Name: "libxml2", Licence: "MIT", Files: []string{lib + "libxml2.so.*"}},
		{Name: "openssl", Licence: "Apache-2.0", Files: []string{"usr/bin/c_rehash", "usr/bin/openssl"}},
		{
			Name:    "passwd",
			Licence: "BSD-3-Clause",
			Files:   []string{"usr/bin/passwd", "usr/sbin/useradd", "usr/sbin/usermod"},
		},
		{Name: "perl-base", Licence: "Artistic-1.0-Perl OR GPL-1.0-or-later", Files: []string{
			"usr/bin/perl", lib + "perl-base/*.p[lm]", lib + "perl-base/*/*.p[lm]", lib + "perl-base/*/*/*.p[lm]",
			lib + "perl-base/auto/*/*.so", lib + "perl-base/auto/*/*/*.so",
		}},
		{Name: "sed", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/sed"}},
		{Name: "tar", Licence: "GPL-3.0-or-later", Files: []string{"usr/bin/tar"}},
		{
			Name:    "util-linux",
			Licence: "GPL-2.0-or-later",
			Files:   []string{"usr/bin/findmnt", "usr/bin/lsblk", "usr/bin/more", "usr/sbin/agetty"},
		},
	}
}
