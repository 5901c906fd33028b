package states

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// encode returns AWS's compact JSON of a value, in which <, > and & stay as they are. A value that has none is a
// mistake in this package, and becomes the text of the error.
func encode(v any) string {
	return string(appendValue(make([]byte, 0, 1<<10), v))
}

func appendValue(b []byte, v any) []byte {
	if text, ok := appendJSON(b, v); ok {
		return text
	}
	return appendAny(b, v)
}

// appendAny appends the JSON of any value.
func appendAny(b []byte, v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return strconv.AppendQuote(b, err.Error())
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// appendJSON appends what appendAny does, for the types that decode returns and a few others, and false for all other
// types. Each state of an execution encodes its input and its output several times: with encoding/json that is a
// twelfth of what the local stack does for a small object.
func appendJSON(b []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), true
	case string:
		return appendText(b, v), true
	case bool:
		return strconv.AppendBool(b, v), true
	case int:
		return strconv.AppendInt(b, int64(v), 10), true
	case int64:
		return strconv.AppendInt(b, v, 10), true
	case json.Number:
		return append(b, v...), v != ""
	case details:
		return appendObject(b, v)
	case map[string]any:
		return appendObject(b, v)
	case []any:
		return appendArray(b, v)
	}
	return b, false
}

func appendArray(b []byte, v []any) ([]byte, bool) {
	if v == nil {
		return append(b, "null"...), true
	}
	b = append(b, '[')
	for i, element := range v {
		if i > 0 {
			b = append(b, ',')
		}
		var ok bool
		if b, ok = appendJSON(b, element); !ok {
			return b, false
		}
	}
	return append(b, ']'), true
}

// appendObject appends members in the order of their names.
func appendObject(b []byte, v map[string]any) ([]byte, bool) {
	if v == nil {
		return append(b, "null"...), true
	}
	names := slices.AppendSeq(make([]string, 0, 16), maps.Keys(v))
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		var ok bool
		if b, ok = appendJSON(b, v[name]); !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

// appendText appends a string. Characters beyond ASCII are left to encoding/json, which replaces those that are no
// UTF-8.
func appendText(b []byte, s string) []byte {
	start := len(b)
	b = append(b, '"')
	written := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < 0x7f {
			continue
		}
		if c != '"' && c != '\\' && c != '\n' {
			return appendAny(b[:start], s)
		}
		b = append(append(b, s[written:i]...), '\\')
		if c == '\n' {
			c = 'n'
		}
		b = append(b, c)
		written = i + 1
	}
	return append(append(b, s[written:]...), '"')
}

// appendEvents appends a JSON array of events, which encoding/json can decode.
func appendEvents(b []byte, events []event) []byte {
	b = append(b, '[')
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"ID":`...)
		b = strconv.AppendInt(b, e.ID, 10)
		b = append(b, `,"Previous":`...)
		b = strconv.AppendInt(b, e.Previous, 10)
		b = append(b, `,"At":"`...)
		b = e.At.AppendFormat(b, time.RFC3339Nano)
		b = append(b, `","Type":`...)
		b = appendText(b, e.Type)
		b = append(b, `,"Details":`...)
		b = append(appendValue(b, e.Details), '}')
	}
	return append(b, ']')
}
