package s3

import (
	"crypto/md5"
	"encoding/hex"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
)

// checksum is S3's additional checksum of an object or a part. The value is in
// base64, with "-<parts>" behind it when it is composed of the parts' checksums.
type checksum struct {
	Algorithm types.ChecksumAlgorithm `json:",omitempty"`
	Type      types.ChecksumType      `json:",omitempty"`
	Value     string                  `json:",omitempty"`
}

// fieldOf finds the field for an algorithm in the SDK's structures, such as
// ChecksumCRC32 in UploadPartOutput. v is a pointer to one.
func fieldOf(v any, algorithm types.ChecksumAlgorithm) reflect.Value {
	return reflect.ValueOf(v).Elem().FieldByName("Checksum" + string(algorithm))
}

// put sets the fields of an answer.
func (c checksum) put(answer any) {
	if c.Algorithm == "" || c.Value == "" {
		return
	}
	fieldOf(answer, c.Algorithm).Set(reflect.ValueOf(&c.Value))
	switch kind := reflect.ValueOf(answer).Elem().FieldByName("ChecksumType"); kind.Kind() {
	case reflect.String:
		kind.SetString(string(c.Type))
	case reflect.Pointer:
		kind.Set(reflect.ValueOf(&c.Type))
	}
}

// given is the first checksum with a value in a request.
func given(request any) checksum {
	for _, a := range types.ChecksumAlgorithm("").Values() {
		if f := fieldOf(request, a); f.IsValid() && !f.IsNil() && f.Elem().String() != "" {
			return checksum{Algorithm: a, Value: f.Elem().String()}
		}
	}
	return checksum{}
}

// announced is the checksum that comes with an upload: in a header, or behind a
// body in chunks, where it is verified on the way and has no value here.
func announced(request any, body io.Reader, algorithm types.ChecksumAlgorithm) checksum {
	if chunks, ok := body.(middlewares.ChecksumReader); ok && chunks.Algorithm() != "" {
		return checksum{Algorithm: types.ChecksumAlgorithm(strings.ToUpper(chunks.Algorithm()))}
	}
	if c := given(request); c.Algorithm != "" {
		return c
	}
	return checksum{Algorithm: algorithm}
}

// sums are checksums in the making, by algorithm. Each starts with the value that
// it must have, or "".
type sums map[types.ChecksumAlgorithm]*summing

type summing struct {
	want  string
	value string
	from  *utils.HashReader
}

// ask adds algorithms to what is computed.
func (s sums) ask(want ...checksum) sums {
	for _, c := range want {
		if c.Algorithm != "" && s[c.Algorithm] == nil {
			s[c.Algorithm] = &summing{want: c.Value}
		}
	}
	return s
}

// copy computes them, and the MD5 that is an ETag, from what it copies. It fails
// at the end when one differs from what it must be.
func (s sums) copy(w io.Writer, r io.Reader) (size int64, eTag string, err error) {
	for a, c := range s {
		if c.from, err = utils.NewHashReader(r, c.want, utils.HashType(strings.ToLower(string(a)))); err != nil {
			return 0, "", err
		}
		r = c.from
	}
	h := md5.New()
	// Without their other methods, neither end goes round the sums.
	if size, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.TeeReader(r, h)}, make([]byte, 256<<10)); err != nil {
		return size, "", err
	}
	for _, c := range s {
		c.value = c.from.Sum()
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}

// of is the finished checksum of the whole.
func (s sums) of(a types.ChecksumAlgorithm) checksum {
	if s[a] == nil {
		return checksum{}
	}
	return checksum{Algorithm: a, Type: types.ChecksumTypeFullObject, Value: s[a].value}
}

// combine makes the checksum of a multipart upload from its parts'.
func combine(of checksum, parts []part) (checksum, error) {
	if of.Type == types.ChecksumTypeComposite {
		whole, err := utils.NewCompositeChecksumReader(utils.HashType(strings.ToLower(string(of.Algorithm))))
		if err != nil {
			return of, err
		}
		for _, p := range parts {
			if err := whole.Process(p.Sum.Value); err != nil {
				return of, err
			}
		}
		of.Value = whole.Sum() + "-" + strconv.Itoa(len(parts))
		return of, nil
	}
	of.Algorithm, of.Type = parts[0].Sum.Algorithm, types.ChecksumTypeFullObject
	of.Value = parts[0].Sum.Value
	for _, p := range parts[1:] {
		var err error
		if of.Value, err = utils.AddCRCChecksum(of.Algorithm, of.Value, p.Sum.Value, p.Size); err != nil {
			return of, err
		}
	}
	return of, nil
}
