package sqs

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// maxSize is the most that a message may have, its attributes included
// (SQS quotas, 1 MiB since August 2025).
const maxSize = 1 << 20

// attribute is a message attribute, user's or system's.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

func (a attribute) value() []byte {
	if a.StringValue != nil {
		return []byte(*a.StringValue)
	}
	return a.BinaryValue
}

// size is what a message counts for in limits.
func (o outgoing) size() int {
	n := len(o.Body)
	for name, a := range o.Attributes {
		n += len(name) + len(a.DataType) + len(a.value())
	}
	return n
}

func (o outgoing) check() error {
	if o.Body == "" {
		return missing("MessageBody")
	}
	if o.size() > maxSize {
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxSize)
	}
	if strings.ContainsFunc(o.Body, forbidden) {
		return &Error{Code: "InvalidMessageContents", Message: "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"}
	}
	if o.Delay != nil && (*o.Delay < 0 || *o.Delay > maxDelay) {
		return outOfRange("DelaySeconds", seconds(*o.Delay), 0, seconds(maxDelay))
	}
	for name, a := range o.Attributes {
		kind, _, _ := strings.Cut(a.DataType, ".")
		text, binary := kind == "String" || kind == "Number", kind == "Binary"
		if !text && !binary {
			return invalid("The type of message (user) attribute '%s' is invalid. You must use only the following supported type prefixes: Binary, Number, String.", name)
		}
		if len(a.value()) == 0 || text != (a.StringValue != nil) {
			return invalid("The message (user) attribute '%s' must contain a non-empty message attribute value of its type.", name)
		}
	}
	return nil
}

func forbidden(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// attributesMD5 is the digest that clients compare: for each attribute in order
// of its name, length and bytes of the name and the type, one byte for the
// kind, length and bytes of the value (SQS Developer Guide, "Calculating the
// MD5 message digest for message attributes"). Empty for no attributes.
func attributesMD5(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	add := func(v []byte) {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		add([]byte(name))
		add([]byte(a.DataType))
		if a.StringValue != nil {
			b = append(b, 1)
		} else {
			b = append(b, 2)
		}
		add(a.value())
	}
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// wanted tells whether a request's list asks for an attribute: by its name, by
// "All", by ".*", or by a prefix as in "trace.*".
func wanted(list []string, name string) bool {
	return slices.ContainsFunc(list, func(w string) bool {
		prefix, isPrefix := strings.CutSuffix(w, ".*")
		return w == "All" || w == name || isPrefix && strings.HasPrefix(name, prefix)
	})
}
