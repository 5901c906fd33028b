package pdf

import "slices"

// Values of a PDF (ISO 32000-2, 7.3), as far as streams need them. Besides these, a
// string is []byte, an array is []any and an integer is int64. Readers differ on a key
// that is twice in a dictionary, so that several values are kept, the last among them.
type (
	name       string
	reference  int64 // the number of an object
	dictionary map[string][]any
	keyword    string
)

// maxValues is how many values of one key, or of one object, are kept.
const maxValues = 4

// object is an object that was found. A trailer is object 0, and -1 stands for a
// number that cannot be read.
type object struct {
	number, generation int64
	value              any
	size               int64   // bytes that the value was read from
	data               []int64 // where its data may begin, if it is a stream
}

// last returns the value that most readers take, or nil.
func (d dictionary) last(key string) any {
	if all := d[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// integer returns the last value of a key, or otherwise where it is not an integer.
func (d dictionary) integer(key string, otherwise int64) int64 {
	if i, ok := d.last(key).(int64); ok {
		return i
	}
	return otherwise
}

// text returns the last value of a key, or nil where it is not a string.
func (d dictionary) text(key string) []byte {
	b, _ := d.last(key).([]byte)
	return b
}

// has reports whether one of a key's values is a name.
func (d dictionary) has(key, value string) bool { return slices.Contains(d[key], any(name(value))) }

// add adds a value to those that are kept, among which the last always is.
func add(values []any, v any) []any {
	if len(values) == maxValues {
		values[maxValues-1] = v
		return values
	}
	return append(values, v)
}
