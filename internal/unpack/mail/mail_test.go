package mail_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

func TestMain(m *testing.M) { unpacktest.Main(m) }

const base64Field = "Content-Transfer-Encoding: base64"

func lined(b []byte) string { return strings.Join(unpacktest.Base64Lines(b), "\r\n") }

func containers() []unpacktest.Container {
	return []unpacktest.Container{
		{
			Name:       "base64",
			Pack:       func(_ testing.TB, b []byte) []byte { return unpacktest.MailOf(b) },
			Endless:    true,
			Unsearched: true,
		},
		{Name: "quoted-printable", Pack: quoted, Endless: true, Unsearched: true},
		{Name: "binary", Pack: func(_ testing.TB, b []byte) []byte {
			return unpacktest.PartOf("Content-Transfer-Encoding: binary", string(b))
		}, Endless: true, Unsearched: true},
	}
}

// quoted returns a mail with content in quoted-printable. Its line breaks are encoded.
func quoted(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	w.Binary = true
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return unpacktest.PartOf("Content-Transfer-Encoding: quoted-printable", b.String())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	unpacktest.Conform(t, formats.All(), containers()...)
}

func FuzzMail(f *testing.F) {
	unpacktest.Fuzz(f, formats.All(), containers(),
		message(`multipart/mixed; boundary*0="a"; boundary*1="b"`, "ab", lined(unpacktest.Pages(99)), "\r\n"),
		[]byte("From x\nContent-Type: multipart/x\n\n--a\n\n--a\nContent-Type: message/rfc822\n\nSubject: x\n\n--a--\n"))
}

// shown checks that content is shown byte for byte in each mail.
func shown(t *testing.T, content []byte, mails map[string][]byte) {
	t.Helper()
	for name, mail := range mails {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, mail, unpacktest.Exact(content))
			if got.Outcome != unpack.Found {
				t.Errorf("got %+v, want the attachment shown byte for byte", got)
			}
		})
	}
}

// message returns a mail with a Content-Type, whose second attachment is text in base64.
// separator is the boundary in its delimiters.
func message(kind, separator, text, eol string) []byte {
	m := "From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: " + kind + "\r\n\r\n" +
		"--" + separator + "\r\nContent-Type: text/plain\r\n\r\nhello\r\n" +
		"--" + separator + "\r\nContent-Type: image/png\r\n" + base64Field + "\r\n\r\n" +
		lined(unpacktest.Pages(700)) + "\r\n" +
		"--" + separator + "\r\nContent-Type: application/octet-stream\r\n" + base64Field + "\r\n\r\n" + text + "\r\n" +
		"--" + separator + "--\r\n"
	return []byte(strings.ReplaceAll(m, "\r\n", eol))
}

// content returns an attachment whose base64 has no padding, so that its bytes differ
// where anything behind it is decoded too.
func content() []byte { return unpacktest.Pages(600) }

// TestBoundaries checks spellings of the boundary that some reader understands.
func TestBoundaries(t *testing.T) {
	t.Parallel()
	mails := map[string][]byte{}
	for kind, separator := range map[string]string{
		`multipart/mixed; boundary="BB"`:                                             "BB",
		`multipart/mixed; boundary="BB";`:                                            "BB",
		`multipart/mixed; boundary="BB"; charset=utf-8`:                              "BB",
		`multipart/mixed; boundary="BB`:                                              "BB",
		`multipart/mixed; boundary=BB; type="x"`:                                     "BB",
		`multipart/mixed; boundary=foo bar`:                                          "foo bar",
		`multipart/mixed; boundary=foo bar; charset=x`:                               "foo bar",
		`multipart/mixed; boundary="a\bc"`:                                           "abc",
		`multipart/mixed; boundary="a\"c"`:                                           `a"c`,
		`multipart/mixed; boundary=a\bc`:                                             `a\bc`,
		`multipart/mixed; boundary*0="abc"; boundary*1="def"`:                        "abcdef",
		`multipart/mixed; boundary*1="def"; boundary*0="abc"`:                        "abcdef",
		`multipart/mixed; boundary*0*=us-ascii'en'a%62; boundary*1="c%"`:             "abc%",
		`multipart/mixed; boundary*=us-ascii''a%62c`:                                 "abc",
		"multipart/mixed;\r\n\tboundary*0=abc;\r\n boundary*1=def":                   "abcdef",
		`multipart/mixed; boundary*10="k"; boundary*9="j"; boundary*0="a"`:           "ajk",
		`multipart/mixed; boundary="AA"; boundary="BB"`:                              "BB",
		`multipart/mixed; boundary="BB"; boundary="AA"`:                              "BB",
		`multipart/mixed; boundary = "BB"`:                                           "BB",
		`multipart/mixed; BoUnDaRy=BB`:                                               "BB",
		`multipart/mixed; boundary=(a comment) "BB"`:                                 "BB",
		`multipart/mixed; boundary=BB(a comment)`:                                    "BB",
		`multipart/mixed; (boundary=AA) boundary=BB`:                                 "BB",
		`multipart/mixed; boundary='BB'`:                                             "BB",
		`multipart/mixed; boundary='BB' `:                                            "'BB'",
		`multipart/mixed boundary=BB`:                                                "BB",
		`multipart/mixed, boundary=BB`:                                               "BB",
		`multipart/mixed; boundary==?us-ascii?Q?B=42?=`:                              "BB",
		`=?us-ascii?Q?multipart/mixed;_boundary=3DBB?=`:                              "BB",
		`=?us-ascii?B?` + base64Of("multipart/mixed; boundary=BB") + `?=`:            "BB",
		"multipart/mixed; boundary=\"B\x00B\"":                                       "BB",
		"multipart/mixed; boundary=\"BB\x00AA\"":                                     "BB",
		"multipart/mixed; boundary=\"B\r\n B\"":                                      "B B",
		"multipart/mixed; boundary=\"B\r\n\tB\"":                                     "BB",
		"multipart/mixed; boundary=\r\n BB":                                          "BB",
		"multipart/mixed\r\nContent-Type: multipart/mixed; boundary=BB":              "BB",
		"multipart/mixed; boundary=AA\r\nContent-Type: multipart/mixed; boundary=BB": "BB",
		"multipart/mixed; boundary=BB\r\nContent-Type: text/plain":                   "BB",
		"multipart/mixed; boundary=BB\r\nContent-Disposition: inline; boundary=AA":   "BB",
		"multipart/mixed; boundary=AA\r\nContent-Disposition: inline; boundary=BB":   "BB",
		"multipart/mixed\r\nX-Other: boundary=BB":                                    "BB",
		"multipart; boundary=BB":                                                     "BB",
		"multipart/; boundary=BB":                                                    "BB",
		"MULTIPART/UNHEARD-OF; boundary=BB":                                          "BB",
		"text/plain; boundary=BB":                                                    "BB",
		`multipart/mixed; boundary="BB "`:                                            "BB ",
		`multipart/mixed; boundary="BB"  `:                                           "BB \t ",
		`multipart/mixed; boundary=BB   `:                                            "BB and more",
		`multipart/mixed; boundary=""`:                                               "",
		`multipart/mixed`:                                                            "AnyThing",
		`multipart/mixed; boundary=AA `:                                              "unlike",
		`multipart/mixed; boundary=` + strings.Repeat("b", 900):                      strings.Repeat("b", 900),
		"text/plain": "=_not declared",
	} {
		mails[kind] = message(kind, separator, lined(content()), "\r\n")
	}
	shown(t, content(), mails)
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// TestMessages checks spellings of a message in which readers find its parts.
func TestMessages(t *testing.T) {
	t.Parallel()
	plain := string(message(`multipart/mixed; boundary="BB"`, "BB", lined(content()), "\r\n"))
	change := func(pairs ...string) []byte { return []byte(strings.NewReplacer(pairs...).Replace(plain)) }
	shown(t, content(), map[string][]byte{
		"line feeds":                  change("\r\n", "\n"),
		"carriage returns":            change("\r\n", "\r"),
		"a lone carriage return":      change("hello\r\n--BB", "hello\r--BB"),
		"two carriage returns a line": change("\r\n", "\r\r\n"),
		"spaces before colons":        change("Content-Type:", "Content-Type :", "Encoding:", "Encoding\t:"),
		"capitals": change("Content-Type:", "CONTENT-TYPE:", "Content-Transfer-Encoding: base64",
			"content-transfer-encoding: BASE64"),
		"no version":                  change("MIME-Version: 1.0\r\n", ""),
		"blank lines first":           append([]byte("\r\n \r\n"), plain...),
		"byte order mark first":       append([]byte("\xef\xbb\xbf"), plain...),
		"status line first":           append([]byte("HTTP/1.1 200 OK\r\nServer: x\r\n"), plain...),
		"no blank line at the top":    change("\"BB\"\r\n\r\n", "\"BB\"\r\n"),
		"no blank line in a part":     change(base64Field+"\r\n\r\n", base64Field+"\r\n"),
		"blank line of spaces":        change(base64Field+"\r\n\r\n", base64Field+"\r\n \t\r\n"),
		"other line in a header":      change(base64Field, "not a field\r\n"+base64Field),
		"dashes in a header":          change(base64Field, "--BB-\r\n"+base64Field),
		"part behind the end":         change("hello\r\n--BB", "hello\r\n--BB--\r\n--BB"),
		"indented delimiters":         change("--BB", " --BB"),
		"zeros in delimiters":         change("--BB", "--B\x00B"),
		"no last delimiter":           []byte(strings.TrimSuffix(plain, "\r\n--BB--\r\n")),
		"space in the last delimiter": change("--BB--", "--BB --"),
		"in a folder": []byte("From x\nSubject: a\n\nhello\n\nFrom y\n" + plain +
			"\nFrom z\nSubject: b\n\nhello\n"),
		"in a folder, text like a separator": []byte("From x\n" + strings.Replace(plain, "hello", "From here on", 1)),
		"in a mail": []byte("From: a@example.com\r\nMIME-Version: " +
			"1.0\r\nContent-Type: message/rfc822\r\n\r\n" + plain),
		"encoded in a mail": unpacktest.PartOf("Content-Type: message/rfc822\r\n"+base64Field,
			lined([]byte(plain))),
		"without a header": []byte(plain[strings.Index(plain, "--BB"):]),
		"behind a line":    append([]byte("% comment\r\n"), plain...),
	})
}

// TestDecoys checks lines that are a delimiter for some readers only.
func TestDecoys(t *testing.T) {
	t.Parallel()
	text := lined(content())
	half := strings.Index(text, "\r\n") + 2
	with := func(line string) string { return text[:half] + line + "\r\n" + text[half:] }
	shown(t, content(), map[string][]byte{
		"second boundary in the text": message("multipart/mixed; boundary=\"__\"; boundary=\"BB\"", "BB", with("--__"),
			"\r\n"),
		"second boundary 300 times": message("multipart/mixed; boundary=\"__\"; boundary=\"BB\"", "BB",
			strings.Repeat("--__\r\n", 300)+text, "\r\n"),
		"second boundary with a header": message("multipart/mixed; boundary=\"__\"; boundary=\"BB\"", "BB",
			with("--__\r\n..\r\n--__--"), "\r\n"),
		"boundary and more": message(`multipart/mixed; boundary="__"`, "__", with("--__.."), "\r\n"),
	})
}

// TestEncodings checks each encoding of an attachment, in several spellings.
func TestEncodings(t *testing.T) {
	t.Parallel()
	script := []byte("@echo off\r\nrem a = b\r\n-- = --\r\ndel x\t\r\n")
	part := func(encoding, text string) []byte {
		return unpacktest.PartOf("Content-Transfer-Encoding: "+encoding, text)
	}
	q := "@echo off\r\nrem a =3d b\r\n-- =3D =\r\n--\r\ndel x=09\r\n"
	shown(t, script, map[string][]byte{
		"7bit":                              part("7bit", string(script)),
		"7bit, without the last line break": part("7bit", strings.TrimSuffix(string(script), "\r\n")),
		"8bit":                              part("8BIT", string(script)),
		"binary":                            part("binary", string(script)),
		"unknown":                           part("x-unknown", string(script)),
		"none":                              unpacktest.PartOf("X-A: b", string(script)),
		"alone":                             []byte("Subject: x\r\nContent-Type: application/x-bat\r\n\r\n" + string(script)),
		"quoted-printable":                  part("quoted-printable", q),
		"quoted-printable, comment":         part(`"Quoted-Printable" (x)`, q),
		"quoted-printable, spaces":          part("quoted-printable", strings.ReplaceAll(q, "--\r\n", "--  \r\n")),
		"quoted printable":                  part("quoted printable", q),
		"base64":                            part("base64", lined(script)),
		"base64, line feeds":                []byte(strings.ReplaceAll(string(part("base64", lined(script))), "\r\n", "\n")),
		"x-base64":                          part("x-base64;", lined(script)),
		"base-64":                           part("Base-64", lined(script)),
		"base64, many spaces": part(strings.Repeat(" ", 6000)+"base64",
			lined(script)[:30]+"!"+lined(script)[30:]),
		"quoted-printable, blank lines first": part(strings.Repeat("\r\n  ", 2000)+"quoted-printable", q),
		"base64, blank line first":            part("\r\n \r\n base64", lined(script)),
		"base64, then other lines":            part("base64\r\na\r\nb\r\nc\r\nd\r\ne", lined(script)),
		"base64 and 7bit":                     part("base64\r\nContent-Transfer-Encoding: 7bit", lined(script)),
		"7bit and base64":                     part("7bit\r\nContent-Transfer-Encoding: base64", lined(script)),
		"base64, spaces":                      part("base64", strings.Join(strings.Split(lined(script), ""), " ")),
		"base64, text behind":                 part("base64", lined(script)+"\r\n___\r\nSent from my list"),
		"base64, other characters":            part("base64", strings.ReplaceAll(lined(script), "b", "b!*\x00")),
		"base64 in a named text":              unpacktest.PartOf("Content-Type: text/plain\r\n"+base64Field, lined(script)),
		"text of a mail in a mail": unpacktest.PartOf("Content-Type: message/rfc822",
			"Subject: x\r\n\r\n"+string(script)),
		"base64 announced, not used": part("base64", string(script)),
	})
}

// TestLineEnds checks what readers save of a part that is text.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	network, feeds := []byte("#!/bin/sh\r\necho 1\r\n"), []byte("#!/bin/sh\necho 1\n")
	shown(t, feeds, map[string][]byte{
		"saved with line feeds": unpacktest.PartOf("X-A: b", string(network)),
		"stored with line feeds": bytes.ReplaceAll(
			unpacktest.PartOf("X-A: b", string(network)), []byte("\r\n"), []byte("\n")),
	})
	trailing := []byte("a  \r\nb")
	shown(t, trailing, map[string][]byte{
		"spaces kept": unpacktest.PartOf("Content-Transfer-Encoding: quoted-printable", string(trailing)),
	})
}

// TestBase64Text checks characters in base64 that are skipped (RFC 2045, 6.8), or that
// end it.
func TestBase64Text(t *testing.T) {
	t.Parallel()
	infected, harmless := unpacktest.ZstdOf(t, unpacktest.Eicar()), unpacktest.ZstdOf(t, unpacktest.Pages(1000))
	var samples []unpacktest.Sample
	lines := func(b []byte, end string) string { return strings.Join(unpacktest.Base64Lines(b), end) }
	for name, encode := range map[string]func([]byte) string{
		"spaces at line ends": func(b []byte) string { return lines(b, " \r\n") },
		"joined by spaces":    func(b []byte) string { return lines(b, " ") },
		"tabs at line starts": func(b []byte) string { return "\t" + lines(b, "\r\n\t") },
		"other characters":    func(b []byte) string { return lines(b, "!*-\r\n") },
		"padding in the middle": func(b []byte) string {
			return base64.StdEncoding.EncodeToString(b[:10]) + "\r\n" + base64.StdEncoding.EncodeToString(b[10:])
		},
		"padding first":       func(b []byte) string { return "=" + lines(b, "\r\n=") },
		"padding in a group":  func(b []byte) string { return lined(b)[:30] + "==" + lined(b)[30:] },
		"without padding":     func(b []byte) string { return strings.TrimRight(lined(b), "=") },
		"of the URL alphabet": func(b []byte) string { return base64.URLEncoding.EncodeToString(b) },
		"lines under it":      func(b []byte) string { return lined(b) + "\r\n_____\r\nSent to the list\r\n" },
	} {
		want := unpacktest.Clean
		if name == "padding in a group" { // damaged for most readers
			want = "damaged"
		}
		samples = append(samples,
			unpacktest.Sample{
				Name: name, Content: unpacktest.PartOf(base64Field, encode(infected)), Want: unpacktest.Infected,
			},
			unpacktest.Sample{
				Name: name + ", harmless", Content: unpacktest.PartOf(base64Field, encode(harmless)), Want: want,
			})
	}
	unpacktest.Try(t, formats.All(), samples)
}

// TestRefusals checks what cannot be opened, and that an infected part comes first.
func TestRefusals(t *testing.T) {
	t.Parallel()
	harmless, infected := lined(unpacktest.Pages(1000)), lined(unpacktest.Eicar())
	of := func(kind, text string) []byte {
		return bytes.Replace(unpacktest.PartOf(base64Field, text), []byte("application/octet-stream"), []byte(kind), 1)
	}
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "PGP/MIME encrypted", Content: of("application/pgp-encrypted", harmless), Want: "encrypted"},
		{Name: "PGP/MIME encrypted, infected", Content: of("application/pgp-encrypted", infected), Want: unpacktest.Infected},
		{
			Name:    "one part of several",
			Content: of("message/partial; number=1; total=2; id=x", harmless),
			Want:    "unsupported-archive",
		},
		{
			Name:    "one part of several, infected",
			Content: of("Message/Partial; number=1", infected),
			Want:    unpacktest.Infected,
		},
		{
			Name:    "damaged",
			Content: of("application/zip", lined(unpacktest.XzOf(t, unpacktest.Pages(999))[:200])),
			Want:    "damaged",
		},
		{Name: "text with colons", Content: []byte("Subject: prices\n\n--a\nb: c\n\n--a\nd\n"), Want: unpacktest.Clean},
	})
}

// TestForwards checks mails in mails.
func TestForwards(t *testing.T) {
	t.Parallel()
	infected := unpacktest.MailOf(unpacktest.ZstdOf(t, unpacktest.Eicar()))
	harmless := unpacktest.MailOf(unpacktest.ZstdOf(t, unpacktest.Pages(1000)))
	thread := strings.Repeat("From: a@example.com\nSubject: x\n\nI agree.\n\n", 40)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "7 times", Content: unpacktest.Forwarded(infected, 7), Want: unpacktest.Infected},
		{Name: "7 times, harmless", Content: unpacktest.Forwarded(harmless, 7), Want: unpacktest.Clean},
		{Name: "40 times", Content: unpacktest.Forwarded(infected, 40), Want: unpacktest.Infected},
		{Name: "60 times, infected", Content: unpacktest.Forwarded(infected, 60), Want: unpacktest.Infected},
		{Name: "quoted 40 times", Content: []byte(thread), Want: unpacktest.Clean},
	})
	c := unpack.Checker{Formats: formats.All()}
	for times, want := range map[int]string{40: unpacktest.Clean, 60: "limit-recursion"} {
		got := unpacktest.Verdict(unpacktest.Check(t, c, unpacktest.Forwarded(harmless, times), unpacktest.FindsNothing))
		if got != want { // clamd has a limit of its own, so that it is not asked
			t.Errorf("forwarded %d times: got %s, want %s", times, got, want)
		}
	}
}

// TestCost checks that many parts, boundaries and fields do not cost the square of
// their number.
func TestCost(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	var boundaries, folder strings.Builder
	for i := range 8000 {
		fmt.Fprintf(&boundaries, "Content-Type: multipart/mixed; boundary=b%d\n", i)
		fmt.Fprintf(
			&folder,
			"From x\nSubject: %d\nContent-Type: multipart/mixed; boundary=same\n\n--same\n\nhello %d\n--same--\n\n",
			i,
			i,
		)
	}
	for name, content := range map[string]string{
		"delimiters": "Content-Type: multipart/mixed; boundary=a\n\n" + repeat("--a\n\nx\n", 30000),
		"boundaries": boundaries.String() + "\n" + repeat("--b7\n\n", 8000) + repeat("--b", 9000),
		"dashes":     "Content-Type: multipart/mixed; boundary=a\n\n" + repeat("--", 400000),
		"prefixes": "Subject: x\nContent-Type: x; " + repeat("boundary=aaaaaaaaaaaaa;", 1000) + "\n\n" +
			repeat("--aaaaaaa\n", 30000),
		"pieces":       "Content-Type: x; " + repeat("boundary*1=a;", 30000) + "\n\n",
		"fields":       repeat("Content-Type: boundary\n", 30000),
		"folds":        "Content-Type: multipart/mixed; boundary=\"" + repeat("\n a", 200000),
		"parameters":   "Content-Type: " + repeat("boundary", 50000),
		"nested":       nested(3000),
		"nested, open": repeat("Content-Type: multipart/mixed; boundary=x\n\n--x\n", 9000),
		"returns":      "Content-Type: x; boundary=a\r" + repeat("\r--a\r\r", 50000),
		"words":        "Content-Type: " + repeat("=?us-ascii?Q?boundary=3D?= ", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unpacktest.Bounded(t, formats.All(), []byte(content))
		})
	}
	got := unpacktest.Check(t, unpack.Checker{Formats: formats.All()}, []byte(folder.String()), unpacktest.FindsNothing)
	if got.Outcome != unpack.Clean {
		t.Errorf("folder of 8000 mails: got %+v, want clean", got)
	}
}

// TestBudget checks that a mail with more readings than are tried is refused, also in a
// folder.
func TestBudget(t *testing.T) {
	t.Parallel()
	var header, parts, ends strings.Builder
	for i := range 40 {
		fmt.Fprintf(&header, "Content-Type: multipart/mixed; boundary=b%d\n", i)
		fmt.Fprintf(&ends, "--b%d\n", i)
	}
	for i := range 900 {
		fmt.Fprintf(&parts, "Content-Type: text/plain\n\nThis is part %d.\n", i)
	}
	content := header.String() + "\n" + parts.String() + ends.String()
	c := unpack.Checker{Formats: formats.All()}
	for name, mail := range map[string]string{"message": content, "folder": "From x\n" + content} {
		if got := unpacktest.Verdict(unpacktest.Check(t, c, []byte(mail), unpacktest.FindsNothing)); got != "limit-files" {
			t.Errorf("%s: got %s, want limit-files", name, got)
		}
	}
	// Reports of mail servers have the header of a message in their text.
	report := "From x\nSubject: returned\n\nYour mail:\nContent-Type: text/plain\n\n"
	report += string(unpacktest.Pages(900)) + "\n"
	folder := []byte(strings.Repeat(report, 300))
	if got := unpacktest.Verdict(unpacktest.Check(t, c, folder, unpacktest.FindsNothing)); got != unpacktest.Clean {
		t.Errorf("folder of reports: got %s, want clean", got)
	}
}

// nested returns n multiparts in one another.
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=n%d\n\n--n%d\n", i, i)
	}
	for i := range n {
		fmt.Fprintf(&b, "--n%d--\n", n-i-1)
	}
	return b.String()
}
