package trial

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// maxEncoded is how long an encoded name may be, so that a key has less than S3's 1,024 bytes.
const maxEncoded = 400

// encode returns a signature's name as one part of a key. A name has any characters, since users write
// signatures too. One that is too long is cut, and ends in its hash.
func encode(signature string) string {
	name := url.PathEscape(signature)
	if len(name) <= maxEncoded && name != "" && strings.Trim(name, ".") != "" {
		return name
	}
	hash := sha256.Sum256([]byte(signature))
	return name[:min(len(name), maxEncoded)] + "%" + hex.EncodeToString(hash[:16])
}
