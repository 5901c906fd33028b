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

// rewriteForm rewrites a form so that the gateway reads it as S3 would: the file is the last field, and the key has the
// file's name in place of ${filename}. The gateway needs the length in advance, so the file is written to the disk
// first, and done removes it.
func (b bodies) rewriteForm(r *http.Request) (done func(), err error) {
	done = func() {}
	form, err := r.MultipartReader()
	if err != nil {
		return done, malformed(err)
	}
	fields, file, err := readFields(form)
	if err != nil {
		return done, err
	}
	var text bytes.Buffer // the form without the content of the file
	w := mime.NewWriter(&text)
	r.Header.Set("Content-Type", w.FormDataContentType())
	for _, f := range fields {
		if strings.EqualFold(f.name, "key") && file != nil {
			f.value = strings.ReplaceAll(f.value, "${filename}", file.FileName())
		}
		_ = w.WriteField(f.name, f.value) // to memory
	}
	content, size := io.NopCloser(strings.NewReader("")), int64(0)
	if file != nil {
		kept, err := b.write(file, -1, sums{})
		if err != nil {
			return done, err
		}
		done = func() { b.remove(kept.name) }
		if file.FileName() == "" {
			// Otherwise the gateway's HTTP server would take the file for one of the fields, whose order it does not keep.
			file.Header.Set("Content-Disposition", `form-data; name="file"; filename="file"`)
		}
		if _, err := w.CreatePart(file.Header); err != nil {
			return done, err
		}
		if content, err = b.reader(kept.name, 0, kept.size); err != nil {
			return done, err
		}
		done, size = func() { content.Close(); b.remove(kept.name) }, kept.size
	}
	before := text.Len()
	_ = w.Close()
	all := text.Bytes()
	r.ContentLength = int64(len(all)) + size
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(all[:before]), content, bytes.NewReader(all[before:])))
	return done, nil
}

type formField struct{ name, value string }

// readFields reads a form up to its file, which is nil when it has none. The gateway refuses a form without a file.
func readFields(form *mime.Reader) (fields []formField, file *mime.Part, err error) {
	for size := 0; ; {
		p, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, nil, nil
		}
		if err != nil {
			return nil, nil, malformed(err)
		}
		if p.FileName() != "" || strings.EqualFold(p.FormName(), "file") {
			return fields, p, nil
		}
		value, err := io.ReadAll(io.LimitReader(p, maxForm+1))
		if size += len(value); err != nil {
			return nil, nil, malformed(err)
		}
		if size > maxForm {
			return nil, nil, s3err.APIError{
				Code: "MaxPostPreDataLengthExceeded", HTTPStatusCode: http.StatusBadRequest,
				Description: "Your POST request fields preceding the upload file were too large.",
			}
		}
		fields = append(fields, formField{p.FormName(), string(value)})
	}
}

// malformed returns S3's error for a form that cannot be read. It returns err itself when the client has gone.
func malformed(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return s3err.GetAPIError(s3err.ErrMalformedPOSTRequest)
}
