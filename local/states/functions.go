package states

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Limits of "Intrinsic functions for JSONPath states" in the developer guide:
// items that ArrayRange may yield, characters that Hash and Base64 may take.
const (
	mostItems      = 1000
	mostCharacters = 10_000
)

var intrinsics map[string]intrinsic

func init() {
	intrinsics = map[string]intrinsic{
		"States.Format":         {1, -1, format},
		"States.StringToJson":   {1, 1, with(func(s string) (any, error) { return decode([]byte(s)) })},
		"States.JsonToString":   {1, 1, func(a []any) (any, error) { return encode(a[0]), nil }},
		"States.Array":          {0, -1, func(a []any) (any, error) { return a, nil }},
		"States.ArrayPartition": {2, 2, arrayPartition},
		"States.ArrayContains":  {2, 2, arrayContains},
		"States.ArrayRange":     {3, 3, arrayRange},
		"States.ArrayGetItem":   {2, 2, arrayGetItem},
		"States.ArrayLength":    {1, 1, with(func(list []any) (any, error) { return int64(len(list)), nil })},
		"States.ArrayUnique":    {1, 1, with(arrayUnique)},
		"States.Base64Encode":   {1, 1, with(base64Encode)},
		"States.Base64Decode":   {1, 1, with(base64Decode)},
		"States.Hash":           {2, 2, hash},
		"States.JsonMerge":      {3, 3, jsonMerge},
		"States.MathRandom":     {2, 3, mathRandom},
		"States.MathAdd":        {2, 2, mathAdd},
		"States.StringSplit":    {2, 2, stringSplit},
		"States.UUID":           {0, 0, func([]any) (any, error) { return uuid.NewString(), nil }},
	}
}

// argument reads one argument of type T.
func argument[T any](args []any, i int) (T, error) {
	v, ok := args[i].(T)
	if !ok {
		return v, fmt.Errorf("argument %d is %s, which is not of the type that the function takes", i+1, encode(args[i]))
	}
	return v, nil
}

// integer rounds, as the functions of AWS that take integers do.
func integer(args []any, i int) (int64, error) {
	f, ok := number(args[i])
	if !ok {
		return 0, fmt.Errorf("argument %d is %s, not a number", i+1, encode(args[i]))
	}
	if n, whole := args[i].(int64); whole {
		return n, nil
	}
	return int64(math.Round(f)), nil
}

func with[T any](f func(T) (any, error)) func([]any) (any, error) {
	return func(args []any) (any, error) {
		v, err := argument[T](args, 0)
		if err != nil {
			return nil, err
		}
		return f(v)
	}
}

// format puts strings in as they are and every other value as JSON.
func format(args []any) (any, error) {
	pattern, err := argument[string](args, 0)
	if err != nil {
		return nil, err
	}
	values := args[1:]
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && strings.IndexByte(`{}\`, pattern[i+1]) >= 0:
			i++
			b.WriteByte(pattern[i])
		case c == '{' && strings.HasPrefix(pattern[i:], "{}"):
			if len(values) == 0 {
				return nil, errors.New("there are more {} than arguments")
			}
			if s, ok := values[0].(string); ok {
				b.WriteString(s)
			} else {
				b.WriteString(encode(values[0]))
			}
			values = values[1:]
			i++
		default:
			b.WriteByte(c)
		}
	}
	if len(values) > 0 {
		return nil, errors.New("there are fewer {} than arguments")
	}
	return b.String(), nil
}

func arrayPartition(args []any) (any, error) {
	list, err := argument[[]any](args, 0)
	size, sizeErr := integer(args, 1)
	if err := errors.Join(err, sizeErr); err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, fmt.Errorf("chunk size %d is not positive", size)
	}
	out := []any{}
	for chunk := range slices.Chunk(list, int(size)) {
		out = append(out, chunk)
	}
	return out, nil
}

// arrayContains compares by JSON text, in which equal values are equal whatever
// Go type holds them: 5 and 5.0 are the same number.
func arrayContains(args []any) (any, error) {
	list, err := argument[[]any](args, 0)
	wanted := encode(args[1])
	return slices.ContainsFunc(list, func(v any) bool { return encode(v) == wanted }), err
}

func arrayRange(args []any) (any, error) {
	first, err1 := integer(args, 0)
	last, err2 := integer(args, 1)
	step, err3 := integer(args, 2)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if step == 0 {
		return nil, errors.New("the step is zero")
	}
	out := []any{}
	for n := first; step > 0 && n <= last || step < 0 && n >= last; n += step {
		if len(out) == mostItems {
			return nil, fmt.Errorf("the array has more than %d items", mostItems)
		}
		out = append(out, n)
	}
	return out, nil
}

func arrayGetItem(args []any) (any, error) {
	list, err := argument[[]any](args, 0)
	i, indexErr := integer(args, 1)
	if err := errors.Join(err, indexErr); err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(list)) {
		return nil, fmt.Errorf("index %d is outside an array of %d", i, len(list))
	}
	return list[i], nil
}

func arrayUnique(list []any) (any, error) {
	seen := map[string]bool{}
	out := []any{}
	for _, v := range list {
		if key := encode(v); !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out, nil
}

func base64Encode(s string) (any, error) {
	if len(s) > mostCharacters {
		return nil, fmt.Errorf("the argument is longer than %d", mostCharacters)
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(s string) (any, error) {
	if len(s) > mostCharacters {
		return nil, fmt.Errorf("the argument is longer than %d", mostCharacters)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	return string(b), err
}

// hash takes JSON text for data that is not a string.
func hash(args []any) (any, error) {
	data, ok := args[0].(string)
	if !ok {
		data = encode(args[0])
	}
	if len(data) > mostCharacters {
		return nil, fmt.Errorf("the argument is longer than %d", mostCharacters)
	}
	var sum []byte
	switch b := []byte(data); args[1] {
	case "MD5":
		s := md5.Sum(b)
		sum = s[:]
	case "SHA-1":
		s := sha1.Sum(b)
		sum = s[:]
	case "SHA-256":
		s := sha256.Sum256(b)
		sum = s[:]
	case "SHA-384":
		s := sha512.Sum384(b)
		sum = s[:]
	case "SHA-512":
		s := sha512.Sum512(b)
		sum = s[:]
	default:
		return nil, fmt.Errorf("algorithm %s is unknown", encode(args[1]))
	}
	return hex.EncodeToString(sum), nil
}

// jsonMerge has only the shallow mode: the service refuses a true third argument.
func jsonMerge(args []any) (any, error) {
	left, err1 := argument[map[string]any](args, 0)
	right, err2 := argument[map[string]any](args, 1)
	deep, err3 := argument[bool](args, 2)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if deep {
		return nil, errors.New("deep merging is not supported")
	}
	out := maps.Clone(left)
	maps.Copy(out, right)
	return out, nil
}

// mathRandom yields a number from the first argument up to, not including, the
// second. A third is the seed.
func mathRandom(args []any) (any, error) {
	from, err1 := integer(args, 0)
	to, err2 := integer(args, 1)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if to <= from || to-from <= 0 {
		return nil, fmt.Errorf("no number is at least %d and less than %d", from, to)
	}
	pick := rand.Int64N
	if len(args) == 3 {
		seed, err := integer(args, 2)
		if err != nil {
			return nil, err
		}
		pick = rand.New(rand.NewPCG(uint64(seed), 0)).Int64N
	}
	return from + pick(to-from), nil
}

func mathAdd(args []any) (any, error) {
	a, err1 := integer(args, 0)
	b, err2 := integer(args, 1)
	return a + b, errors.Join(err1, err2)
}

// stringSplit takes every character of its second argument for a separator and
// leaves out empty parts.
func stringSplit(args []any) (any, error) {
	s, err1 := argument[string](args, 0)
	separators, err2 := argument[string](args, 1)
	out := []any{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		out = append(out, part)
	}
	return out, errors.Join(err1, err2)
}
