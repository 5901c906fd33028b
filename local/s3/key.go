package s3

import (
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api/utils"
)

// The gateway refuses keys that would lead out of a folder, such as "..", or name
// one, such as "/". Here keys are no paths: such a key goes through the gateway
// hidden, as a zero byte and its hexadecimal form, and so does one that begins
// with a zero byte itself, or looks like a version in the source of a copy.
const hidden = "\x00"

func hide(key string) (string, bool) {
	if key == "" || utils.IsObjectNameValid(key) && !strings.HasPrefix(key, hidden) && !strings.Contains(key, "?versionId=") {
		return key, false
	}
	return hidden + hex.EncodeToString([]byte(key)), true
}

// reveal undoes hide. It copies what it returns, since the gateway reuses the
// memory behind its strings.
func reveal(key string) string {
	if encoded, was := strings.CutPrefix(key, hidden); was {
		if plain, err := hex.DecodeString(encoded); err == nil {
			return string(plain)
		}
	}
	return strings.Clone(key)
}

// hideKey changes the path that the gateway sees, but for the signature.
func hideKey(c fiber.Ctx) error {
	uri := c.Request().URI()
	if path, err := url.PathUnescape(string(uri.PathOriginal())); err == nil {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if key, is := hide(key); is {
			utils.ContextKey("original-uri-path").Set(c, path) // where the signature check looks first
			uri.SetPath("/" + bucket + "/" + url.PathEscape(key))
		}
	}
	return c.Next()
}

// hideSource does the same to the source of a copy, once. It comes after the check
// of the signature, and before the gateway looks at the header.
func hideSource(rc *fasthttp.RequestCtx) {
	const header, done = "X-Amz-Copy-Source", "source-is-hidden"
	from, err := parseSource(string(rc.Request.Header.Peek(header)))
	if err != nil || rc.UserValue(done) != nil {
		return
	}
	rc.SetUserValue(done, true)
	if key, is := hide(from.key); is {
		value := url.QueryEscape(from.bucket + "/" + key)
		if from.id != "" {
			value += "?versionId=" + from.id
		}
		rc.Request.Header.Set(header, value)
	}
}
