package coverage

import (
	"bytes"
	"io"
)

// odfEncryption reads an OpenDocument's manifest, the one place that says that
// members are encrypted (ODF 1.3, part 2, 4.8.6): the zip itself does not.
func (n node) odfEncryption(m zipMember) error {
	r, _, err := unzipper(m, n.at(m.data, m.packed))
	if err != nil || r == nil {
		return nil // zipMember has said so
	}
	text, _ := io.ReadAll(io.LimitReader(r, 4<<20))
	if bytes.Contains(text, []byte(":encryption-data")) {
		return encrypted("OpenDocument")
	}
	return nil
}
