package unpacktest

import (
	"encoding/base64"
	"fmt"
	"slices"
)

// PartOf is a message with one attachment in an encoding.
func PartOf(encoding, text string) []byte {
	return []byte("From: a@example.com\r\nSubject: x\r\nMIME-Version: " +
		"1.0\r\nContent-Type: multipart/mixed; boundary=\"q\"\r\n\r\n" +
		"--q\r\nContent-Type: application/octet-stream; name=\"a\"\r\n" + encoding + "\r\n\r\n" + text + "\r\n--q--\r\n")
}

// Base64Lines is content in base64, in lines of 76 characters.
func Base64Lines(content []byte) []string {
	return slices.Collect(Lines(base64.StdEncoding.EncodeToString(content)))
}

// Forwarded is a mail that was forwarded so many times, each time as an attachment.
func Forwarded(mail []byte, times int) []byte {
	for i := range times {
		mail = fmt.Appendf(nil, "From: a@example.com\r\nSubject: x\r\nMIME-Version: "+
			"1.0\r\nContent-Type: multipart/mixed; boundary=\"f%d.\"\r\n\r\n"+
			"--f%d.\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--f%d.\r\nContent-Type: "+
			"message/rfc822\r\n\r\n%s\r\n--f%d.--\r\n", i, i, i, mail, i)
	}
	return mail
}
