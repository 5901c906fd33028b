package pdf

import "slices"

// Limits of the index.
const (
	maxKept       = 1 << 16  // objects of one kind
	maxValueBytes = 16 << 20 // from which all values were read
	maxValue      = 64 << 10 // bytes from which one value was read
	maxNumbers    = 1 << 18
	maxFilters    = 16 // in one chain
)

// index keeps the values to which streams refer, and how the file is encrypted.
func (d *document) index(o object) error {
	d.refer(o)
	if v, ok := o.value.(dictionary); ok {
		d.hasObjectStreams = d.hasObjectStreams || isObjectStream(o, v)
		if v["O"] != nil && v["U"] != nil && v["Filter"] != nil && len(d.encryptionOf) < maxEncryptions*maxEncryptions {
			d.encryptionOf[reference(o.number)] = v
		}
		if o.number == 0 || v["W"] != nil || v["Root"] != nil {
			d.trailer(v)
		}
	}
	return nil
}

// refer keeps an object to which the dictionary of a stream may refer.
func (d *document) refer(o object) {
	d.findFiles(o.value)
	switch v := o.value.(type) {
	case int64:
		if _, known := d.numbers[reference(o.number)]; known || len(d.numbers) < maxNumbers {
			d.numbers[reference(o.number)] = v // readers take the last
		}
	case name:
		d.keep(o)
	case []any:
		d.keepReferences(o)
		if len(v) > 0 && len(v) <= maxFilters+1 {
			switch v[0].(type) {
			case name, dictionary, reference, keyword:
				d.keep(o)
			}
		}
	case dictionary:
		if len(o.data) > 0 {
			return
		}
		d.keepReferences(o)
		if v["Predictor"] != nil || v["EarlyChange"] != nil {
			d.keep(o)
		}
	}
}

// keep adds an object to values, as far as the limits allow.
func (d *document) keep(o object) {
	key := reference(o.number)
	_, known := d.values[key]
	if o.size > maxValue || d.valueBytes+int(o.size) > maxValueBytes || !known && len(d.values) >= maxKept {
		return
	}
	d.valueBytes += int(o.size)
	d.values[key] = add(d.values[key], o.value)
}

// resolve returns the values of the object to which v refers, or v itself.
func (d *document) resolve(v any) []any {
	if ref, ok := v.(reference); ok {
		return d.values[ref]
	}
	return []any{v}
}

// findFiles adds to files the streams to which certain keys in a value refer: those of
// file specifications (7.11.4), scripts (12.6.4.17) and forms in XML (12.7.8).
func (d *document) findFiles(v any) {
	switch v := v.(type) {
	case []any:
		for _, v := range v {
			d.findFiles(v)
		}
	case dictionary:
		for key, values := range v {
			d.findFiles(values)
			switch key {
			case "EF", "RF", "JS", "XFA":
				d.addFiles(values)
			}
		}
	}
}

// addFiles adds every reference in a value to files.
func (d *document) addFiles(v any) {
	for _, ref := range references(v) {
		if len(d.files) >= maxKept {
			d.filesFull = true
			return
		}
		d.files[ref] = true
	}
}

// keepReferences keeps the references in an object that may be the value of one of the
// keys of findFiles: a dictionary of references alone, or an array of strings and
// references.
func (d *document) keepReferences(o object) {
	switch v := o.value.(type) {
	case dictionary:
		for _, values := range v {
			if !slices.ContainsFunc(values, func(v any) bool { _, ok := v.(reference); return ok }) {
				return
			}
		}
	case []any:
		if !slices.ContainsFunc(v, func(v any) bool { _, ok := v.([]byte); return ok }) {
			return
		}
	}
	if len(d.leadsTo) < maxKept && o.size <= maxValue && d.valueBytes+int(o.size) <= maxValueBytes {
		d.valueBytes += int(o.size)
		d.leadsTo[reference(o.number)] = append(d.leadsTo[reference(o.number)], references(o.value)...)
	}
}

// follow adds to files the streams to which objects in files refer.
func (d *document) follow() {
	for ref := range d.files {
		for _, stream := range d.leadsTo[ref] {
			d.files[stream] = true // the loop may follow it too, which does no harm
		}
	}
}

// references returns all references in a value.
func references(v any) (all []reference) {
	switch v := v.(type) {
	case reference:
		return []reference{v}
	case []any:
		for _, v := range v {
			all = append(all, references(v)...)
		}
	case dictionary:
		for _, values := range v {
			for _, v := range values {
				all = append(all, references(v)...)
			}
		}
	}
	return all
}

// integers returns the values that are integers, or refer to one.
func (d *document) integers(values []any) (all []int64) {
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			all = append(all, v)
		case reference:
			if i, ok := d.numbers[v]; ok {
				all = append(all, i)
			}
		}
	}
	return all
}
