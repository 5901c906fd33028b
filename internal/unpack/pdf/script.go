package pdf

import (
	"bytes"
	"unicode/utf16"
)

// script shows scripts that are strings. The engine does not see those in the file that
// have escapes, or are hexadecimal, encrypted or in an object stream.
func (d *document) script(o object) error {
	if text, ok := o.value.([]byte); ok { // a key for scripts may refer to it
		return d.text(o, text)
	}
	return d.scriptsIn(o, o.value)
}

// scriptsIn shows the scripts in a value of an object.
func (d *document) scriptsIn(o object, v any) error {
	switch v := v.(type) {
	case []any:
		for _, v := range v {
			if err := d.scriptsIn(o, v); err != nil {
				return err
			}
		}
	case dictionary:
		for key, values := range v {
			if err := d.scriptsIn(o, values); err != nil {
				return err
			}
			if key != "JS" {
				continue
			}
			if err := d.texts(o, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts shows the values of an object that are strings.
func (d *document) texts(o object, values []any) error {
	for _, v := range values {
		text, ok := v.([]byte)
		if !ok {
			continue
		}
		if err := d.text(o, text); err != nil {
			return err
		}
	}
	return nil
}

// text shows a string of an object, as it is and decrypted with every key.
func (d *document) text(o object, raw []byte) error {
	const minScript = 8 // bytes: shorter scripts do nothing
	if len(raw) < minScript {
		return nil
	}
	texts := [][]byte{raw}
	for _, key := range d.keys {
		texts = append(texts, key.text(o, raw))
	}
	for _, text := range texts {
		text = decoded(text)
		var err error
		if len(text) > maxSmall {
			err = d.visitor.Stream("script", bytes.NewReader(text))
		} else {
			err = d.join("scripts", &d.scripts, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decoded returns a text string (7.9.2.2) in UTF-8. A string in PDFDocEncoding stays as
// it is, because its letters are those of ASCII.
func decoded(text []byte) []byte {
	if utf8, ok := bytes.CutPrefix(text, []byte("\xef\xbb\xbf")); ok {
		return utf8
	}
	big := bytes.HasPrefix(text, []byte("\xfe\xff"))
	if !big && !bytes.HasPrefix(text, []byte("\xff\xfe")) {
		return text
	}
	units := make([]uint16, 0, len(text)/2)
	for i := 2; i+1 < len(text); i += 2 {
		high, low := text[i], text[i+1]
		if !big { // readers take it, though the standard does not allow it
			high, low = low, high
		}
		units = append(units, uint16(high)<<8|uint16(low))
	}
	return []byte(string(utf16.Decode(units)))
}
