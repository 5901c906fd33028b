package s3

import (
	"crypto/md5"
	"encoding/hex"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
)

// checksum is the checksum of an object or a part, besides the ETag. The value is in base64. "-<parts>" follows it when
// it is computed from the checksums of parts.
type checksum struct {
	Algorithm types.ChecksumAlgorithm `json:",omitempty"`
	Type      types.ChecksumType      `json:",omitempty"`
	Value     string                  `json:",omitempty"`
}

// fieldOf returns the field of an algorithm, such as ChecksumCRC32, in the request or answer behind a pointer.
func fieldOf(v any, algorithm types.ChecksumAlgorithm) reflect.Value {
	return reflect.ValueOf(v).Elem().FieldByName("Checksum" + string(algorithm))
}

// put sets the fields of an answer to c.
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

// given returns the first checksum with a value in a request.
func given(request any) checksum {
	for _, a := range types.ChecksumAlgorithm("").Values() {
		if f := fieldOf(request, a); f.IsValid() && !f.IsNil() && f.Elem().String() != "" {
			return checksum{Algorithm: a, Value: f.Elem().String()}
		}
	}
	return checksum{}
}

// announced returns the checksum that comes with an upload. One that follows a body in chunks has no value here,
// because the gateway verifies it.
func announced(request any, body io.Reader, algorithm types.ChecksumAlgorithm) checksum {
	if chunks, ok := body.(middlewares.ChecksumReader); ok && chunks.Algorithm() != "" {
		return checksum{Algorithm: types.ChecksumAlgorithm(strings.ToUpper(chunks.Algorithm()))}
	}
	if c := given(request); c.Algorithm != "" {
		return c
	}
	return checksum{Algorithm: algorithm}
}

// sums has checksums to compute, by algorithm.
type sums map[types.ChecksumAlgorithm]*summing

type summing struct {
	want  string // the value that it must have, or ""
	value string
	from  *utils.HashReader
}

// ask adds checksums to compute.
func (s sums) ask(want ...checksum) sums {
	for _, c := range want {
		if c.Algorithm != "" && s[c.Algorithm] == nil {
			s[c.Algorithm] = &summing{want: c.Value}
		}
	}
	return s
}

// copyBuffers are reused: one for each small object would be most of what the process allocates.
var copyBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// copy computes the checksums, and the MD5 that is the ETag, of the bytes that it copies. It fails when a checksum
// differs from the wanted value.
func (s sums) copy(w io.Writer, r io.Reader) (size int64, eTag string, err error) {
	for a, c := range s {
		if c.from, err = utils.NewHashReader(r, c.want, utils.HashType(strings.ToLower(string(a)))); err != nil {
			return 0, "", err
		}
		r = c.from
	}
	h := md5.New()
	// The wrappers hide methods by which io.CopyBuffer would pass the bytes by the checksums.
	from, to := struct{ io.Reader }{io.TeeReader(r, h)}, struct{ io.Writer }{w}
	buffer := copyBuffers.Get().(*[256 << 10]byte)
	defer copyBuffers.Put(buffer)
	if size, err = io.CopyBuffer(to, from, buffer[:]); err != nil {
		return size, "", err
	}
	for _, c := range s {
		c.value = c.from.Sum()
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}

// of returns a computed checksum.
func (s sums) of(a types.ChecksumAlgorithm) checksum {
	if s[a] == nil {
		return checksum{}
	}
	return checksum{Algorithm: a, Type: types.ChecksumTypeFullObject, Value: s[a].value}
}

// combine computes the checksum of a multipart upload from those of its parts.
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
