package s3

import (
	"bytes"
	"errors"
	"io"
	mime "mime/multipart"
	"net/http"
	"strings"

	"github.com/versity/versitygw/s3err"
)

// maxForm is S3's limit for the fields before the file, in bytes.
const maxForm = 20 << 10

// isForm reports whether a request is an upload by POST form.
func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") &&
		!strings.Contains(strings.Trim(r.URL.Path, "/"), "/")
}

// rewriteForm makes of a form what the gateway reads as S3 would: the file is the
// last field, and the file's name stands in the key instead of ${filename}. The
// gateway wants to know the length in advance, so the file goes to the disk first.
// done removes it.
func (b bodies) rewriteForm(r *http.Request) (done func(), err error) {
	done = func() {}
	form, err := r.MultipartReader()
	if err != nil {
		return done, malformed(err)
	}
	var fields [][2]string
	var file *mime.Part
	for size := 0; file == nil; {
		p, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break // the gateway says that the file is missing
		}
		if err != nil {
			return done, malformed(err)
		}
		if p.FileName() != "" || strings.EqualFold(p.FormName(), "file") {
			file = p
			break
		}
		value, err := io.ReadAll(io.LimitReader(p, maxForm+1))
		if size += len(value); err != nil {
			return done, malformed(err)
		}
		if size > maxForm {
			return done, s3err.APIError{
				Code: "MaxPostPreDataLengthExceeded", HTTPStatusCode: http.StatusBadRequest,
				Description: "Your POST request fields preceding the upload file were too large.",
			}
		}
		fields = append(fields, [2]string{p.FormName(), string(value)})
	}
	var around bytes.Buffer
	w := mime.NewWriter(&around)
	r.Header.Set("Content-Type", w.FormDataContentType())
	for _, f := range fields {
		if strings.EqualFold(f[0], "key") && file != nil {
			f[1] = strings.ReplaceAll(f[1], "${filename}", file.FileName())
		}
		_ = w.WriteField(f[0], f[1]) // to memory
	}
	var content io.Reader = strings.NewReader("")
	size := int64(0)
	if file != nil {
		kept, err := b.write(file, -1, sums{})
		if err != nil {
			return done, err
		}
		done = func() { b.remove(kept.name) }
		if file.FileName() == "" {
			// The HTTP server behind the gateway would take the file for one of the
			// fields, and hand these on in any order.
			file.Header.Set("Content-Disposition", `form-data; name="file"; filename="file"`)
		}
		if _, err := w.CreatePart(file.Header); err != nil {
			return done, err
		}
		if kept.name != "" {
			f, err := b.open(kept.name)
			if err != nil {
				return done, err
			}
			done = func() { f.Close(); b.remove(kept.name) }
			content, size = f, kept.size
		}
	}
	before := around.Len()
	_ = w.Close()
	all := around.Bytes()
	r.ContentLength = int64(len(all)) + size
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(all[:before]), content, bytes.NewReader(all[before:])))
	return done, nil
}

// malformed leaves a client that is gone, and errors of the server, as they are.
func malformed(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return s3err.GetAPIError(s3err.ErrMalformedPOSTRequest)
}
