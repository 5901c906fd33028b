package s3

import (
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api/utils"
)

// hidden begins a key that passes the gateway in hexadecimal form. The gateway refuses keys that would be a path out of
// a folder, such as "..", or a folder, such as "/", although here keys are not paths.
const hidden = "\x00"

// hide returns the hidden form of a key that needs it: one that the gateway refuses, begins with a zero byte, or looks
// like a version in the source of a copy.
func hide(key string) (string, bool) {
	refused := !utils.IsObjectNameValid(key) || strings.HasPrefix(key, hidden) || strings.Contains(key, "?versionId=")
	if key == "" || !refused {
		return key, false
	}
	return hidden + hex.EncodeToString([]byte(key)), true
}

// reveal undoes hide. It returns a copy, because the gateway reuses the memory of its strings.
func reveal(key string) string {
	if encoded, was := strings.CutPrefix(key, hidden); was {
		if plain, err := hex.DecodeString(encoded); err == nil {
			return string(plain)
		}
	}
	return strings.Clone(key)
}

// hideKey hides the key in the path of a request, but not from the check of the signature.
func hideKey(c fiber.Ctx) error {
	uri := c.Request().URI()
	if path, err := url.PathUnescape(string(uri.PathOriginal())); err == nil {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if key, is := hide(key); is {
			utils.ContextKey("original-uri-path").Set(c, path) // that the check of the signature uses
			uri.SetPath("/" + bucket + "/" + url.PathEscape(key))
		}
	}
	return c.Next()
}

// hideSource hides the key in the source of a copy, once for each request. It is called after the check of the
// signature and before the gateway reads the header.
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
