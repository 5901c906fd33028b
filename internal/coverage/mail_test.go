package coverage

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// partOf is a message with one attachment under a header line of its encoding.
func partOf(encoding, text string) []byte {
	return []byte("From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"q\"\r\n\r\n" +
		"--q\r\nContent-Type: application/octet-stream; name=\"a\"\r\n" + encoding + "\r\n\r\n" + text + "\r\n--q--\r\n")
}

const base64Field = "Content-Transfer-Encoding: base64"

func base64Lines(content []byte) []string {
	return slices.Collect(lines(base64.StdEncoding.EncodeToString(content)))
}

// TestMailBase64: what is no base64 is skipped (RFC 2045, 6.8).
func TestMailBase64(t *testing.T) {
	t.Parallel()
	evil, calm := zstdOf(t, eicarText()), zstdOf(t, pages(1000))
	var samples []sample
	for name, encode := range map[string]func([]byte) string{
		"spaces at line ends": func(b []byte) string { return strings.Join(base64Lines(b), " \r\n") },
		"joined by spaces":    func(b []byte) string { return strings.Join(base64Lines(b), " ") },
		"tabs at line starts": func(b []byte) string { return "\t" + strings.Join(base64Lines(b), "\r\n\t") },
		"junk in lines":       func(b []byte) string { return strings.Join(base64Lines(b), "!*-\r\n") },
		"padding in the middle": func(b []byte) string {
			return base64.StdEncoding.EncodeToString(b[:10]) + "\r\n" + base64.StdEncoding.EncodeToString(b[10:])
		},
		"sign of padding": func(b []byte) string { return "=" + strings.Join(base64Lines(b), "\r\n=") },
		"without padding": func(b []byte) string { return strings.TrimRight(strings.Join(base64Lines(b), "\r\n"), "=") },
		"lines under it": func(b []byte) string {
			return strings.Join(base64Lines(b), "\r\n") + "\r\n_____\r\nSent to the list\r\n"
		},
	} {
		samples = append(samples, sample{name: name, content: partOf(base64Field, encode(evil)), want: infected},
			sample{name: name + ", harmless", content: partOf(base64Field, encode(calm)), want: "covered"})
	}
	try(t, samples)
}

// TestMailHeaders: fields as mail programs accept them.
func TestMailHeaders(t *testing.T) {
	t.Parallel()
	text := func(b []byte) string { return strings.Join(base64Lines(b), "\r\n") }
	evil, calm := text(zstdOf(t, eicarText())), text(zstdOf(t, pages(1000)))
	var samples []sample
	for _, field := range []string{
		`Content-Transfer-Encoding: "base64"`, "Content-Transfer-Encoding: base64;", "Content-Transfer-Encoding: base64 (as it is)",
		"Content-Transfer-Encoding : base64", "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64",
		"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: quoted-printable", "no field at all\r\nContent-Transfer-Encoding: BASE64",
		"Content-Transfer-Encoding:\r\n base64",
	} {
		samples = append(samples, sample{name: field, content: partOf(field, evil), want: infected},
			sample{name: field + ", harmless", content: partOf(field, calm), want: "covered"})
	}
	mail := partOf(base64Field, evil)
	message := string(armored("PGP MESSAGE", join([]byte{0x8c, 4, 4, 7, 0, 2, 0xd2, 6, 1}, []byte("12345"))))
	try(t, append(samples,
		sample{name: "old line ends", content: bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\r")), want: infected},
		sample{name: "boundary unquoted, with a sign", content: bytes.ReplaceAll(bytes.Replace(mail, []byte(`"q"`), []byte("q=1/2"), 1), []byte("--q"), []byte("--q=1/2")), want: infected},
		sample{name: "no blank line before the parts", content: bytes.Replace(mail, []byte("\"q\"\r\n\r\n"), []byte("\"q\"\r\n"), 1), want: infected},
		sample{name: "part behind the end", content: bytes.Replace(mail, []byte("--q\r\n"), []byte("--q--\r\n--q\r\n"), 1), want: infected},
		sample{name: "PGP/MIME encrypted", content: bytes.Replace(partOf(base64Field, calm), []byte("application/octet-stream"), []byte("application/pgp-encrypted"), 1), want: "encrypted"},
		sample{name: "PGP message", content: partOf("X-A: b", message), want: "encrypted"},
		sample{name: "PGP message alone", content: []byte("From: a@example.com\r\nSubject: x\r\n\r\n" + message), want: "encrypted"},
		sample{name: "PGP signature", content: partOf("X-A: b", "-----BEGIN PGP SIGNATURE-----\r\n\r\nhQEMA5\r\n-----END PGP SIGNATURE-----"), want: "covered"},
		sample{name: "part of a mail in several", content: bytes.Replace(partOf(base64Field, calm), []byte("application/octet-stream"), []byte("message/partial; number=1; total=2; id=x"), 1), want: "unsupported-archive"},
	))
}

// forwarded is a mail forwarded a number of times.
func forwarded(mail []byte, times int) []byte {
	for i := range times {
		mail = fmt.Appendf(nil, "From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"f%d.\"\r\n\r\n"+
			"--f%d.\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--f%d.\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--f%d.--\r\n", i, i, i, mail, i)
	}
	return mail
}

// deepMail is what the engine says far above any forward.
const deepMail = "Heuristics.Limits.Exceeded.MaxRecursion"

// TestForwards: mails in mails, which programs open at any depth.
func TestForwards(t *testing.T) {
	t.Parallel()
	evil, calm := mailOf(zstdOf(t, eicarText())), mailOf(zstdOf(t, pages(1000)))
	try(t, []sample{
		{name: "5 times", content: forwarded(evil, 5), want: infected},
		{name: "5 times, harmless", content: forwarded(calm, 5), want: "covered"},
		{name: "7 times", content: forwarded(evil, 7), want: infected},
		{name: "7 times, harmless", content: forwarded(calm, 7), want: "covered"},
		{name: "40 times", clamd: deepMail, content: forwarded(evil, 40), want: infected},
		{name: "40 times, harmless", clamd: deepMail, content: forwarded(calm, 40), want: "covered"},
		{name: "60 times", clamd: deepMail, content: forwarded(evil, 60), want: "limit-recursion"},
	})
}
